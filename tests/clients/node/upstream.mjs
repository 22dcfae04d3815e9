// A person logs in by way of an OpenID provider: oidc-provider, unmodified, on loopback.
//
//   node upstream.mjs '{"issuer", "gateway", "tenant", "outbox"}'
//
// Prints what happened in each case as JSON.

import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";
import { generateKeyPair, exportJWK } from "jose";
import { newestCode, sentSoFar } from "./demo.mjs";

const { issuer, gateway, tenant, outbox } = JSON.parse(process.argv[2]);
// The provider's own notes go to standard error: standard output is the answer.
console.info = console.error;
console.log = console.error;

const base = `${gateway}/${tenant}`;
const back = "http://127.0.0.1/callback";

/** A provider with keys of its own; whoever types `name:level` is that person at that level. */
async function provider() {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const key = { ...(await exportJWK(privateKey)), alg: "RS256", use: "sig", kid: randomBytes(6).toString("hex") };
  const oidc = new Provider(issuer, {
    jwks: { keys: [key] },
    clients: [{ client_id: "inzage", client_secret: "upstream-secret", redirect_uris: [`${base}/login/upstream/return`], grant_types: ["authorization_code"], response_types: ["code"] }],
    acrValues: ["low", "substantial"],
    cookies: { keys: [randomBytes(16).toString("hex")] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  });
  oidc.on("server_error", (_, error) => console.error(error));
  const handle = oidc.callback();
  const server = createServer(async (request, response) => {
    if (!request.url.startsWith("/interaction/")) return handle(request, response);
    if (request.method === "GET") {
      response.setHeader("content-type", "text/html");
      return response.end('<form method="post"><input name="login"><button type="submit">go</button></form>');
    }
    let body = "";
    for await (const chunk of request) body += chunk;
    const typed = new URLSearchParams(body).get("login");
    if (!typed) return oidc.interactionFinished(request, response, { error: "access_denied" });
    const [accountId, acr] = typed.split(":");
    const { params } = await oidc.interactionDetails(request, response);
    const grant = new oidc.Grant({ accountId, clientId: params.client_id });
    grant.addOIDCScope("openid");
    return oidc.interactionFinished(request, response, { login: { accountId, acr }, consent: { grantId: await grant.save() } });
  });
  await new Promise((ready) => server.listen(Number(new URL(issuer).port), "127.0.0.1", ready));
  return () => new Promise((done) => { server.close(done); server.closeAllConnections(); });
}

/** A browser: cookies by origin, redirects by hand. */
class Browser {
  jars = new Map();

  async open(url, init = {}) {
    const { origin } = new URL(url);
    const jar = this.jars.get(origin) ?? new Map();
    this.jars.set(origin, jar);
    const headers = { ...init.headers, cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; ") };
    const response = await fetch(url, { ...init, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split(/=(.*)/s);
      if (/expires=thu, 01 jan 1970/i.test(line)) jar.delete(name.trim());
      else jar.set(name.trim(), value);
    }
    const location = response.headers.get("location");
    if (!location) return { url, status: response.status, html: await response.text(), headers: response.headers };
    const next = new URL(location, url).href;
    this.trail.push(next);
    if (this.halt && next.startsWith(this.halt)) return { url: next, html: "", status: 0 };
    if (next.startsWith(back)) return { url: next, back: new URL(next) };
    return this.open(next);
  }

  trail = [];
  /** Addresses that begin so are not opened. */
  halt = "";

  /** Sends the form that has the first of these fields. */
  async post(page, fields) {
    const forms = page.html.match(/<form[\s\S]*?<\/form>/g) ?? [];
    const form = forms.find((one) => fields.length > 0 && one.includes(`name="${fields[0][0]}"`)) ?? forms[0];
    const action = form.match(/<form[^>]*action="([^"]*)"/)?.[1] ?? "";
    const url = new URL(action.replaceAll("&amp;", "&"), page.url);
    const hidden = [...form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]);
    return this.open(url.href, { method: "POST", body: new URLSearchParams([...hidden, ...fields]), headers: { origin: url.origin } });
  }
}

const asked = () => {
  const verifier = randomBytes(32).toString("base64url");
  const url = new URL(`${base}/oauth/authorize`);
  url.search = new URLSearchParams({
    response_type: "code", client_id: "upstream-app", redirect_uri: back, state: "s", aud: `${base}/fhir`,
    scope: "openid fhirUser launch/patient patient/*.rs", code_challenge_method: "S256",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
  });
  return { url: url.href, verifier };
};

const told = (page) => ({ status: page.status, text: page.html?.match(/<p>([^<]*)<\/p>/)?.[1] ?? "" });

/** To the provider and back; the page that comes then. */
async function by(browser, login) {
  const { url, verifier } = asked();
  const offer = await browser.open(url);
  if (offer.status !== 200) return { page: offer };
  const there = await browser.post(offer, []);
  const page = await browser.post(there, login ? [["login", login]] : []);
  return { page, verifier, there, offer };
}

/** The code by SMS and the approval; what the app learns. */
async function finish(browser, { page, verifier }, before) {
  const code = await newestCode(outbox, before, page.html);
  let next = await browser.post(page, [["otp", code]]);
  for (let pages = 0; !next.back && pages < 4; pages += 1) {
    const scopes = [...next.html.matchAll(/name="scope" value="([^"]*)"/g)].map(([, value]) => ["scope", value]);
    next = await browser.post(next, [...scopes, ["decision", "allow"]]);
  }
  const response = await fetch(`${base}/oauth/token`, {
    method: "POST",
    body: new URLSearchParams({ grant_type: "authorization_code", code: next.back.searchParams.get("code"), redirect_uri: back, client_id: "upstream-app", code_verifier: verifier }),
  });
  const token = await response.json();
  const { acr, amr } = JSON.parse(Buffer.from(token.id_token.split(".")[1], "base64url"));
  return { acr, amr };
}

const found = {};
const dead = new Browser(); found.never_up = told((await by(dead, "anna-7731:substantial")).page);
await new Promise((wait) => setTimeout(wait, 5500));

let stop = await provider();
let before = sentSoFar(outbox);
const browser = new Browser();
const first = await by(browser, "anna-7731:substantial");
found.second_factor = /name="otp"/.test(first.page.html);
const way = browser.trail.filter((url) => url.startsWith(issuer)).map((url) => new URL(url))[0];
found.sent_away = Object.fromEntries(["response_type", "code_challenge_method", "acr_values", "scope"].map((name) => [name, way.searchParams.get(name)]));
found.sent_away.secrets = ["state", "nonce", "code_challenge"].every((name) => way.searchParams.get(name)?.length >= 43);
found.first = await finish(browser, first, before);
const returned = browser.trail.find((url) => url.startsWith(`${base}/login/upstream/return`));
found.again = told(await browser.open(returned));

found.low = told((await by(new Browser(), "anna-7731:low")).page);
found.stranger = told((await by(new Browser(), "stranger:substantial")).page);
found.broken_off = told((await by(new Browser(), "")).page);

// What was meant for one browser counts in no other.
const victim = new Browser();
const { url } = asked();
const offer = await victim.open(url);
const there = await victim.post(offer, []);
const stolen = new Browser();
stolen.jars.set(new URL(issuer).origin, victim.jars.get(new URL(issuer).origin));
await stolen.open(asked().url);
found.other_browser = told(await stolen.post(there, [["login", "anna-7731:substantial"]]));

// A password is no way around it.
const password = await victim.open(asked().url);
const fields = [...password.html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]);
const tried = await victim.open(`${base}/login`, { method: "POST", headers: { origin: gateway }, body: new URLSearchParams([...fields, ["username", "m.bakker"], ["password", "Molen-Fiets-1234-Tulp"]]) });
found.password = { ...told(tried), form: /name="password"/.test(tried.html), otp: /name="otp"/.test(tried.html) };

// Down, and back with other keys.
const waiting = new Browser();
waiting.halt = `${base}/login/upstream/return`;
const halted = await by(waiting, "anna-7731:substantial");
waiting.halt = "";
await stop();
found.down = told(await waiting.open(halted.page.url));
stop = await provider();
before = sentSoFar(outbox);
const later = new Browser();
found.new_keys = await finish(later, await by(later, "anna-7731:substantial"), before);
await stop();
process.stdout.write(JSON.stringify(found));
