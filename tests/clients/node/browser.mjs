// Debian's Chromium, and a person who clicks through the login pages.

import { chromium } from "playwright-core";

import { newestCode, sentSoFar } from "./demo.mjs";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How long the answer to a form may take, in milliseconds; the machine may be busy with hashing passwords. */
const PATIENCE = 60_000;

/** Starts Chromium without a window. */
export function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, headless: true, args: FLAGS });
}

/** Clicks from a login page until `done(url)`; `seen(name)` is called on each page before it is filled in. */
export async function walk(page, { account, outbox }, done, seen = async () => {}) {
  const before = sentSoFar(outbox);
  const names = [];
  for (let pages = 0; pages < 16; pages += 1) {
    await page.waitForLoadState("load");
    if (done(page.url())) return;
    const has = async (selector) => (await page.locator(selector).count()) > 0;
    const name = await nameOf(has);
    if (name === "other" && !(await has("form[method=post]"))) {
      // The page of the app has come, and its address follows.
      await page.waitForTimeout(100);
      continue;
    }
    names.push(name);
    await seen(name);
    // The same address may answer with the next step, so what tells is that another document was loaded.
    const answered = page.waitForEvent("load", { timeout: PATIENCE });
    answered.catch(() => {});
    if (name === "password") {
      await page.fill("#username", account.username);
      await page.fill("#password", account.password);
      await press(page, "form:has(#username)");
    } else if (name === "code") {
      await page.fill("#otp", await newestCode(outbox, before, await page.locator("main").innerText()));
      await press(page, "form:has(#otp)");
    } else if (name === "client") {
      const ours = page.locator(`input[name=patient][value$="${account.patients[0].id}"]`);
      await ours.first().check();
      await press(page, "form:has(input[name=patient])");
    } else if (name === "approve" || name === "terms") {
      await page.locator("button[name=decision][value=allow]").click();
    } else {
      await press(page, "form[method=post]");
    }
    await answered;
  }
  const text = await page.locator("body").innerText();
  throw new Error(`the login did not end within 16 pages (${names.join(", ")}); the last one, ${page.url()}, says: ${text}`);
}

async function nameOf(has) {
  if (await has("#username")) return "password";
  if (await has("#otp")) return "code";
  if (await has("input[name=patient]")) return "client";
  if (await has("input[name=version]")) return "terms";
  if (await has("button[name=decision]")) return "approve";
  return "other";
}

async function press(page, form) {
  await page.locator(form).first().locator("button:not([type=button]), input[type=submit]").first().click();
}
