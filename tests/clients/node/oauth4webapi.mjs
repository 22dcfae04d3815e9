// oauth4webapi, unmodified, as a public native app: node oauth4webapi.mjs DIR TENANT [dpop]
//
// With dpop it pushes its request (PAR) and proves with every other one that it holds a key.

import * as oauth from "oauth4webapi";

import { open, redirectOf, SCOPE, SEARCHES, tell } from "./demo.mjs";
import { walk } from "./forms.mjs";

const [dir, tenantId, dpop] = process.argv.slice(2);
const demo = open(dir, tenantId, "demo-native");
const redirect = redirectOf(demo.app);
const client = { client_id: demo.app.client_id };
// The demo speaks http on the loopback address.
const local = { [oauth.allowInsecureRequests]: true };
if (dpop) local.DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));

const issuer = new URL(demo.tenant.issuer);
for (const algorithm of ["oidc", "oauth2"]) {
  const discovered = await oauth.discoveryRequest(issuer, { algorithm, ...local });
  await oauth.processDiscoveryResponse(issuer, discovered);
}
const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: "oidc", ...local }));

const verifier = oauth.generateRandomCodeVerifier();
const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
const asked = new URLSearchParams({
  response_type: "code",
  client_id: client.client_id,
  redirect_uri: redirect,
  scope: SCOPE,
  state,
  nonce,
  aud: demo.tenant.fhir,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
});
const start = new URL(server.authorization_endpoint);
if (dpop) {
  const pushed = await oauth.pushedAuthorizationRequest(server, client, oauth.None(), asked, local);
  const { request_uri } = await oauth.processPushedAuthorizationResponse(server, client, pushed);
  start.search = new URLSearchParams({ client_id: client.client_id, request_uri });
} else {
  start.search = asked;
}

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
// How a copy of the token would fare, without the key.
const patient = `${demo.tenant.fhir}/Patient/${tokens.patient}`;
const copied = await fetch(patient, { headers: { authorization: `Bearer ${token}` } });
tell(tokens.patient, bundles, { token_type: tokens.token_type, copied: copied.status });
