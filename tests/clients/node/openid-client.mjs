// openid-client, unmodified, as a confidential web app that pushes its request: node openid-client.mjs DIR TENANT

import * as openid from "openid-client";

import { open, redirectOf, SCOPE, SEARCHES, tell } from "./demo.mjs";
import { walk } from "./forms.mjs";

const [dir, tenantId] = process.argv.slice(2);
const demo = open(dir, tenantId, "demo-server");
const redirect = redirectOf(demo.app);
const config = await openid.discovery(
  new URL(demo.tenant.issuer),
  demo.app.client_id,
  demo.app.client_secret,
  openid.ClientSecretBasic(demo.app.client_secret),
  // The demo speaks http on the loopback address.
  { execute: [openid.allowInsecureRequests, openid.enableNonRepudiationChecks] },
);

const verifier = openid.randomPKCECodeVerifier();
const [state, nonce] = [openid.randomState(), openid.randomNonce()];
const start = await openid.buildAuthorizationUrlWithPAR(config, {
  redirect_uri: redirect,
  scope: SCOPE,
  state,
  nonce,
  aud: demo.tenant.fhir,
  max_age: "3600",
  code_challenge: await openid.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
});
const back = await walk(start, demo, redirect);
const tokens = await openid.authorizationCodeGrant(config, back, {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  maxAge: 3600,
  idTokenExpected: true,
});
const { sub } = tokens.claims();
const info = await openid.fetchUserInfo(config, tokens.access_token, sub);
const about = await openid.tokenIntrospection(config, tokens.access_token);
const renewed = await openid.refreshTokenGrant(config, tokens.refresh_token);

const bundles = {};
for (const [type, search] of Object.entries(SEARCHES)) {
  const url = new URL(`${demo.tenant.fhir}/${search}`);
  const answer = await openid.fetchProtectedResource(config, renewed.access_token, url, "GET");
  if (answer.status !== 200) throw new Error(`${type} answered with status ${answer.status}`);
  bundles[type] = await answer.json();
}
await openid.tokenRevocation(config, renewed.refresh_token);
const gone = await openid.tokenIntrospection(config, renewed.access_token);
tell(tokens.patient, bundles, { fhirUser: info.fhirUser, active: [about.active, gone.active] });
