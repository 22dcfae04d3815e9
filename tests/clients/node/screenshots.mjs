// A picture of every login page and of the patient app, narrow and wide: node screenshots.mjs DIR TENANT OUT

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { launch, walk } from "./browser.mjs";
import { open, redirectOf } from "./demo.mjs";

const [dir, tenantId, out] = process.argv.slice(2);
const demo = open(dir, tenantId, "demo-browser");
const app = new URL(redirectOf(demo.app));
mkdirSync(out, { recursive: true });

const browser = await launch();
try {
  for (const [size, width] of [["narrow", 360], ["wide", 1280]]) {
    const context = await browser.newContext({ viewport: { width, height: 800 }, locale: "nl-NL" });
    const page = await context.newPage();
    let number = 0;
    const shoot = (name) => {
      number += 1;
      return page.screenshot({ path: join(out, `${size}-${number}-${name}.png`), fullPage: true });
    };
    await page.goto(app.origin);
    await shoot("landing");
    await page.goto(`${app.href}?iss=${encodeURIComponent(demo.tenant.fhir)}`);
    await page.locator("#start").click();
    await page.waitForURL((url) => !url.href.startsWith(app.href));
    await walk(page, demo, (url) => url.startsWith(app.href), shoot);
    await page.locator("#app[data-ready]").waitFor({ timeout: 30_000 });
    for (const tab of ["rapportages", "zorgplan", "afspraken"]) {
      await page.locator(`#tab-${tab}`).click();
      await shoot(tab);
    }
    await context.close();
  }
} finally {
  await browser.close();
}
