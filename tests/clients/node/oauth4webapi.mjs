// oauth4webapi, unmodified, as a public native app: node oauth4webapi.mjs DIR TENANT

import * as oauth from "oauth4webapi";

import { open, redirectOf, SCOPE, SEARCHES, tell } from "./demo.mjs";
import { walk } from "./forms.mjs";

const [dir, tenantId] = process.argv.slice(2);
const demo = open(dir, tenantId, "demo-native");
const redirect = redirectOf(demo.app);
const client = { client_id: demo.app.client_id };
// The demo speaks http on the loopback address.
const local = { [oauth.allowInsecureRequests]: true };

const issuer = new URL(demo.tenant.issuer);
for (const algorithm of ["oidc", "oauth2"]) {
  const discovered = await oauth.discoveryRequest(issuer, { algorithm, ...local });
  await oauth.processDiscoveryResponse(issuer, discovered);
}
const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: "oidc", ...local }));

const verifier = oauth.generateRandomCodeVerifier();
const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
const start = new URL(server.authorization_endpoint);
for (const [name, value] of Object.entries({
  response_type: "code",
  client_id: client.client_id,
  redirect_uri: redirect,
  scope: SCOPE,
  state,
  nonce,
  aud: demo.tenant.fhir,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
})) start.searchParams.set(name, value);

const back = await walk(start, demo, redirect);
const parameters = oauth.validateAuthResponse(server, client, back, state);
const exchanged = await oauth.authorizationCodeGrantRequest(server, client, oauth.None(), parameters, redirect, verifier, local);
const tokens = await oauth.processAuthorizationCodeResponse(server, client, exchanged, {
  expectedNonce: nonce,
  requireIdToken: true,
});
await oauth.validateApplicationLevelSignature(server, exchanged, local);

const refreshed = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), tokens.refresh_token, local);
const { access_token: token } = await oauth.processRefreshTokenResponse(server, client, refreshed);

const bundles = {};
for (const [type, search] of Object.entries(SEARCHES)) {
  const answer = await oauth.protectedResourceRequest(token, "GET", new URL(`${demo.tenant.fhir}/${search}`), undefined, undefined, local);
  if (answer.status !== 200) throw new Error(`${type} answered with status ${answer.status}`);
  bundles[type] = await answer.json();
}
tell(tokens.patient, bundles);
