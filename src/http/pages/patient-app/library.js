// The same login by fhirclient (SMART JS), where the demo serves that library; otherwise by smart.js.

import * as own from "./smart.js";

/** fhirclient if `fhir-client.js` is there: see README.md for the step that fetches it. */
const library = await new Promise((done) => {
  const script = document.createElement("script");
  script.src = "fhir-client.js";
  script.addEventListener("load", () => done(window.FHIR));
  script.addEventListener("error", () => done(undefined));
  document.head.append(script);
});

/** Sends the browser to the login of the server `iss`. */
export async function begin(login) {
  if (!library) return own.begin(login);
  return library.oauth2.authorize({ ...login, completeInTarget: true });
}

/** Ends the login if this page was reached from it: a session, or null. */
export async function finish() {
  const answer = new URLSearchParams(location.search);
  if (!library || !answer.has("state")) return own.finish();
  if (answer.has("error")) throw Object.assign(new Error("refused"), { code: answer.get("error") });
  const client = await library.oauth2.ready();
  history.replaceState(null, "", location.pathname);
  document.documentElement.dataset.login = "fhirclient";
  return new LibrarySession(client);
}

class LibrarySession extends own.Reading {
  constructor(client) {
    super();
    this.client = client;
    this.patient = client.patient.id;
  }

  read(path) {
    return this.client.request(path);
  }

  /** Withdraws the tokens and forgets what the library kept. */
  async end() {
    const { serverUrl, clientId, tokenResponse } = this.client.state;
    const server = await own.discover(serverUrl).catch(() => ({}));
    await own.revoke(server.revocation_endpoint, clientId, tokenResponse.refresh_token ?? tokenResponse.access_token);
    sessionStorage.clear();
  }
}
