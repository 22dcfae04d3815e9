// SMART JS (fhirclient), unmodified, in Chromium: node fhirclient.mjs DIR TENANT APP
//
// The two pages of the app are put under the app's registered address by the browser itself, so no other server runs.
// With `demo-browser` the app has the gateway's origin; with `demo-native` it has another, so CORS is used for real.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { launch, walk } from "./browser.mjs";
import { open, redirectOf, SCOPE, SEARCHES, tell } from "./demo.mjs";

const [dir, tenantId, clientId] = process.argv.slice(2);
const demo = open(dir, tenantId, clientId);
const redirect = redirectOf(demo.app);
const library = join(dirname(fileURLToPath(import.meta.url)), "node_modules/fhirclient/build/fhir-client.min.js");
const start = new URL("/fhirclient-start.html", redirect).href;

const html = (script) => `<!doctype html><title>app</title><script src="/fhirclient-library.js"></script><script>${script}</script>`;

const startPage = html(`FHIR.oauth2.authorize(${JSON.stringify({
  clientId,
  scope: SCOPE,
  redirectUri: redirect,
  iss: demo.tenant.fhir,
  completeInTarget: true,
})}).catch((error) => { window.failure = error.message; });`);

const backPage = html(`FHIR.oauth2.ready().then(async (client) => {
  const bundles = {};
  for (const [type, search] of Object.entries(${JSON.stringify(SEARCHES)})) bundles[type] = await client.request(search);
  const patient = await client.patient.read();
  window.found = { patient: client.patient.id, read: patient.id, bundles };
}).catch((error) => { window.failure = error.message; });`);

const browser = await launch();
try {
  const page = await browser.newPage();
  await page.route((url) => url.pathname === "/fhirclient-library.js", (route) => route.fulfill({ path: library }));
  const answer = (body) => (route) => route.fulfill({ contentType: "text/html", body });
  await page.route(start, answer(startPage));
  await page.route((url) => url.href.startsWith(redirect) && url.searchParams.has("state"), answer(backPage));
  await page.goto(start);
  await page.waitForURL((url) => url.href !== start, { timeout: 15_000 });
  await walk(page, demo, (url) => url.startsWith(redirect) && !url.endsWith("/fhirclient-start.html"));
  await page.waitForFunction(() => window.found || window.failure, null, { timeout: 30_000 });
  const failure = await page.evaluate(() => window.failure);
  if (failure) throw new Error(failure);
  const found = await page.evaluate(() => window.found);
  if (found.read !== found.patient) throw new Error("the patient in the token is not the patient that is read");
  tell(found.patient, found.bundles);
} finally {
  await browser.close();
}
