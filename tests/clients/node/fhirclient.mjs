// SMART JS (fhirclient), unmodified and with its default options, in Chromium: node fhirclient.mjs DIR TENANT [ROLE] [portal]
//
// The app is two pages on a loopback address of its own, so its calls cross origins like those of any other app. With
// `portal` it is opened by a portal (EHR launch), with `iss` and `launch` in the address.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { launch, walk } from "./browser.mjs";
import { open, redirectOf, SCOPE, SEARCHES, tell } from "./demo.mjs";
import { launched } from "./portal.mjs";

const CLIENT_ID = "demo-native";
const [dir, tenantId, role, portal] = process.argv.slice(2);
const demo = open(dir, tenantId, CLIENT_ID, role);
const library = readFileSync(join(dirname(fileURLToPath(import.meta.url)), "node_modules/fhirclient/build/fhir-client.min.js"));

const html = (script) => `<!doctype html><title>app</title><script src="/library.js"></script><script>${script}</script>`;

const startPage = (redirectUri) => html(`FHIR.oauth2.authorize(${JSON.stringify({
  clientId: CLIENT_ID,
  scope: portal ? SCOPE.replace("launch/patient", "launch") : SCOPE,
  redirectUri,
  // A portal says where the data is.
  ...(portal ? {} : { iss: demo.tenant.fhir }),
})}).catch((error) => { window.failure = error.message; });`);

const backPage = html(`FHIR.oauth2.ready().then(async (client) => {
  const bundles = {};
  for (const [type, search] of Object.entries(${JSON.stringify(SEARCHES)})) bundles[type] = await client.request(search);
  const patient = await client.patient.read();
  const { resourceType, link = [] } = await client.user.read();
  const told = (name) => client.getState("tokenResponse." + name);
  const before = [told("access_token"), told("refresh_token")];
  await client.refresh();
  const after = [told("access_token"), told("refresh_token")];
  const again = await client.request("Patient/" + client.patient.id);
  window.found = {
    patient: client.patient.id, read: patient.id, bundles, user: { resourceType, links: link.length },
    renewed: after.every((token, at) => token && token !== before[at]), again: again.id,
    intent: told("intent"), banner: told("need_patient_banner"),
  };
}).catch((error) => { window.failure = error.message; });`);

const app = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://127.0.0.1");
  const script = pathname === "/library.js";
  response.setHeader("content-type", script ? "text/javascript" : "text/html; charset=utf-8");
  response.end(script ? library : pathname === "/start" ? startPage(redirect) : backPage);
});
await new Promise((listening) => app.listen(0, "127.0.0.1", listening));
const redirect = redirectOf(demo.app, String(app.address().port));
const start = new URL("/start", redirect);
if (portal) start.search = await launched(dir, demo, { intent: "show-plan", need_patient_banner: false });

const browser = await launch();
try {
  const page = await browser.newPage();
  await page.goto(start.href);
  await page.waitForURL((url) => url.origin !== start.origin, { timeout: 15_000 });
  await walk(page, demo, (url) => url.startsWith(redirect));
  await page.waitForFunction(() => window.found || window.failure, null, { timeout: 30_000 });
  const failure = await page.evaluate(() => window.failure);
  if (failure) throw new Error(failure);
  const found = await page.evaluate(() => window.found);
  if (found.read !== found.patient) throw new Error("the patient in the token is not the patient that is read");
  if (found.again !== found.patient) throw new Error("the renewed token reads another patient");
  const { user, renewed, intent, banner } = found;
  tell(found.patient, found.bundles, { user, renewed, intent, banner, named: demo.account.patients[0].id });
} finally {
  await browser.close();
  app.close();
}
