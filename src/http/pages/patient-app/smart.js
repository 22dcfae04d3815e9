// A SMART on FHIR client for a browser app without a secret: discovery, code with PKCE, token, refresh, paging.
//
// The tokens live in memory only; what must outlast the redirect (state, verifier, issuer) is in sessionStorage and is
// taken out at once. Nothing is fetched outside the FHIR base that the login was for.

const KEY = "smart-login";

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function json(address, options) {
  const answer = await fetch(address, { cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer", ...options });
  if (!answer.ok) throw Object.assign(new Error(`status ${answer.status}`), { status: answer.status });
  return answer.json();
}

export const discover = (iss) => json(`${iss}/.well-known/smart-configuration`, { headers: { accept: "application/json" } });

/** Sends the browser to the login of the server `iss`. */
export async function begin({ iss, clientId, redirectUri, scope }) {
  const base = new URL(iss).href.replace(/\/+$/, "");
  const server = await discover(base);
  const login = { iss: base, clientId, redirectUri, state: random(), verifier: random(), token: server.token_endpoint, revoke: server.revocation_endpoint, issuer: server.issuer };
  sessionStorage.setItem(KEY, JSON.stringify(login));
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(login.verifier));
  const to = new URL(server.authorization_endpoint);
  const query = {
    response_type: "code",
    client_id: clientId,
    redirect_uri: redirectUri,
    scope,
    state: login.state,
    aud: base,
    code_challenge: base64url(new Uint8Array(hash)),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(query)) to.searchParams.set(name, value);
  location.assign(to);
}

/** Ends the login if this page was reached from it: a session, or null. */
export async function finish() {
  const answer = new URLSearchParams(location.search);
  if (!answer.has("state")) return null;
  const login = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  sessionStorage.removeItem(KEY);
  history.replaceState(null, "", location.pathname);
  if (!login || answer.get("state") !== login.state) throw Object.assign(new Error("another login"), { code: "state" });
  if (login.issuer && answer.has("iss") && answer.get("iss") !== login.issuer) throw Object.assign(new Error("another server"), { code: "state" });
  if (answer.has("error")) throw Object.assign(new Error("refused"), { code: answer.get("error") });
  const session = new Session(login);
  await session.exchange({ grant_type: "authorization_code", code: answer.get("code"), redirect_uri: login.redirectUri, code_verifier: login.verifier });
  return session;
}

/** What both ways to log in give: pages of a search out of `read`. */
export class Reading {
  /** One page of a search: its resources, and the path of the next page if there is one. */
  async search(path) {
    const bundle = await this.read(path);
    return {
      resources: (bundle.entry ?? []).map((entry) => entry.resource).filter((one) => one && one.resourceType !== "OperationOutcome"),
      next: bundle.link?.find((link) => link.relation === "next")?.url ?? null,
    };
  }

  /** Every page of a search, up to a bound. */
  async all(path, bound = 10) {
    const found = [];
    for (let next = path, pages = 0; next && pages < bound; pages += 1) {
      const page = await this.search(next);
      found.push(...page.resources);
      next = page.next;
    }
    return found;
  }
}

/** Withdraws a token (RFC 7009). */
export async function revoke(address, clientId, token) {
  if (!address || !token) return;
  const body = new URLSearchParams({ token, client_id: clientId });
  await fetch(address, { method: "POST", body, credentials: "omit" }).catch(() => {});
}

class Session extends Reading {
  #access;
  #refresh;
  #login;

  constructor(login) {
    super();
    this.#login = login;
  }

  async exchange(fields) {
    const body = new URLSearchParams({ ...fields, client_id: this.#login.clientId });
    const token = await json(this.#login.token, { method: "POST", body, headers: { accept: "application/json" } });
    this.#access = token.access_token;
    this.#refresh = token.refresh_token ?? this.#refresh;
    this.patient = token.patient ?? this.patient;
  }

  /** Reads a path below the FHIR base, or a page link of it. One refresh when the token has run out. */
  async read(path, again = true) {
    const base = `${this.#login.iss}/`;
    const address = new URL(path, base);
    if (!address.href.startsWith(base)) throw new Error("a link leads outside the FHIR base");
    const headers = { accept: "application/fhir+json", authorization: `Bearer ${this.#access}` };
    try {
      return await json(address, { headers });
    } catch (error) {
      if (error.status !== 401 || !again || !this.#refresh) throw error;
      await this.exchange({ grant_type: "refresh_token", refresh_token: this.#refresh });
      return this.read(path, false);
    }
  }

  /** Withdraws the tokens. */
  async end() {
    const token = this.#refresh ?? this.#access;
    this.#access = this.#refresh = undefined;
    await revoke(this.#login.revoke, this.#login.clientId, token);
  }
}
