// A portal of somebody else: it proves itself by its key as a backend and asks for launches of apps (oauth4webapi, ES384).

import { readFileSync } from "node:fs";
import { join } from "node:path";

import * as oauth from "oauth4webapi";

// The demo speaks http on the loopback address.
const local = { [oauth.allowInsecureRequests]: true };

/** A token of the demo's backend app, whose private key lies in the data folder. */
async function token(dir, demo) {
  const jwk = JSON.parse(readFileSync(join(dir, "demo-backend.jwk"), "utf8"));
  const { use, alg, ...plain } = jwk;
  const key = await crypto.subtle.importKey("jwk", plain, { name: "ECDSA", namedCurve: plain.crv }, false, ["sign"]);
  const issuer = new URL(demo.tenant.issuer);
  const discovered = await oauth.discoveryRequest(issuer, { algorithm: "oidc", ...local });
  const server = await oauth.processDiscoveryResponse(issuer, discovered);
  const client = { client_id: "demo-backend" };
  const aud = server.token_endpoint;
  const authentication = oauth.PrivateKeyJwt(
    { key, kid: jwk.kid },
    {
      [oauth.modifyAssertion]: (header, payload) => {
        // As SMART has it: the type is said, and the audience is the token endpoint.
        Object.assign(header, { typ: "JWT" });
        Object.assign(payload, { aud });
      },
    },
  );
  const scope = new URLSearchParams({ scope: "urn:inzage:scope:launches" });
  const answer = await oauth.clientCredentialsGrantRequest(server, client, authentication, scope, local);
  return (await oauth.processClientCredentialsResponse(server, client, answer)).access_token;
}

/** What the portal opens the app with: `iss` and `launch`. */
export async function launched(dir, demo, more) {
  const answer = await fetch(`${demo.tenant.issuer}/oauth/launch`, {
    method: "POST",
    headers: { authorization: `Bearer ${await token(dir, demo)}`, "content-type": "application/json" },
    body: JSON.stringify({
      client_id: demo.app.client_id,
      username: demo.account.username,
      patient: demo.account.patients[0].id,
      ...more,
    }),
  });
  if (answer.status !== 201) throw new Error(`the launch was answered with ${answer.status}: ${await answer.text()}`);
  const { iss, launch } = await answer.json();
  return new URLSearchParams({ iss, launch });
}
