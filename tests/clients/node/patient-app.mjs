// The demo's own patient app in Chromium: log in, look at the three tabs. node patient-app.mjs DIR TENANT [fhirclient]
//
// With `fhirclient` the app finds that library where the demo would serve it, and has to log in with it.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { launch, walk } from "./browser.mjs";
import { open, redirectOf } from "./demo.mjs";

const [dir, tenantId, library] = process.argv.slice(2);
const demo = open(dir, tenantId, "demo-browser");
const app = redirectOf(demo.app);

const browser = await launch();
try {
  const page = await browser.newPage();
  if (library) {
    const file = join(dirname(fileURLToPath(import.meta.url)), "node_modules/fhirclient/build/fhir-client.min.js");
    await page.route("**/app/fhir-client.js", (route) => route.fulfill({ path: file, contentType: "text/javascript" }));
  }
  const refused = [];
  page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) refused.push(message.text());
  });
  await page.goto(`${app}?iss=${encodeURIComponent(demo.tenant.fhir)}`);
  await page.locator("#start").click();
  await page.waitForURL((url) => !url.href.startsWith(app), { timeout: 15_000 });
  await walk(page, demo, (url) => url.startsWith(app));
  await page.locator("#app[data-ready]").waitFor({ timeout: 30_000 });
  const shown = { ready: await page.locator("#app").getAttribute("data-ready") };
  for (const tab of ["rapportages", "zorgplan", "afspraken"]) {
    await page.locator(`#tab-${tab}`).click();
    shown[tab] = await page.locator(`#${tab} article`).count();
  }
  if (new URL(page.url()).search !== "") throw new Error("the code stays in the address bar");
  const by = await page.evaluate(() => document.documentElement.dataset.login);
  if (by !== library) throw new Error(`the app logged in by ${by ?? "itself"}`);
  if (refused.length > 0) throw new Error(`the page breaks its own policy: ${refused[0]}`);
  console.log(JSON.stringify(shown));
} finally {
  await browser.close();
}
