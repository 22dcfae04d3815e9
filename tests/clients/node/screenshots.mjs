// A picture of every page, narrow and wide: node screenshots.mjs DIR TENANT OUT

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { launch } from "./browser.mjs";
import { open } from "./demo.mjs";
import { firstLogin, tour } from "./tour.mjs";

const [dir, tenantId, out] = process.argv.slice(2);
mkdirSync(out, { recursive: true });

const browser = await launch();
try {
  const context = await browser.newContext({ locale: "nl-NL" });
  const page = await context.newPage();
  let number = 0;
  const shoot = async (name) => {
    number += 1;
    for (const [size, width] of [["narrow", 360], ["wide", 1280]]) {
      await page.setViewportSize({ width, height: 800 });
      await page.screenshot({ path: join(out, `${String(number).padStart(2, "0")}-${name}-${size}.png`), fullPage: true });
    }
  };
  await tour(page, open(dir, tenantId, "demo-browser", "representative"), shoot);
  await context.clearCookies();
  await firstLogin(page, open(dir, tenantId, "demo-browser", "client, first login"), shoot);
} finally {
  await browser.close();
}
