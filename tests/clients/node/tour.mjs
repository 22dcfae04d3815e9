// Every page that a person can come to, from the login to the account, by keyboard alone.

import { newestCode, redirectOf, SCOPE, sentSoFar } from "./demo.mjs";

const PATIENCE = 60_000;

/** Presses Tab until the element has the focus, and no more often than a page has elements. */
export async function tabTo(page, selector) {
  for (let presses = 0; presses < 60; presses += 1) {
    const there = await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector);
    if (there) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`the keyboard does not come to ${selector} on ${page.url()}: ${await page.locator("main").innerText()}`);
}

async function type(page, selector, text) {
  await tabTo(page, selector);
  await page.keyboard.press("Control+A");
  await page.keyboard.type(text);
}

/** Presses a key and waits for the next document. */
async function go(page, key = "Enter") {
  const answered = page.waitForEvent("load", { timeout: PATIENCE });
  await page.keyboard.press(key);
  await answered;
}

async function follow(page, selector) {
  await tabTo(page, selector);
  await go(page);
}

/** Agrees to the organisation's terms, where it has any and this person has not agreed before. */
async function agree(page, visit) {
  if ((await page.locator("input[name=version]").count()) === 0) return;
  await visit("terms");
  await follow(page, "button[name=decision][value=allow]");
}

/** The first page of a login that asks for everything, whatever was approved before. */
async function start(page, demo) {
  const asked = {
    response_type: "code",
    client_id: demo.app.client_id,
    redirect_uri: redirectOf(demo.app),
    scope: SCOPE,
    state: "tour",
    aud: demo.tenant.fhir,
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
    prompt: "login consent",
  };
  await page.goto(`${demo.tenant.issuer}/oauth/authorize?${new URLSearchParams(asked)}`);
}

/**
 * Walks with the account of a representative of two clients; `visit(name)` is called on each page. Ends in the app. The account
 * is as before, but for a wrong password and a wrong code.
 */
export async function tour(page, demo, visit) {
  const { account, tenant, outbox } = demo;
  const app = redirectOf(demo.app);
  await page.goto(new URL(app).origin);
  await visit("landing");
  await start(page, demo);
  const login = page.url();
  await visit("password");

  await page.goto(`${tenant.issuer}/forgot`);
  await visit("forgot");
  await type(page, "#username", "niemand");
  await type(page, "#email", "niemand@example.org");
  await go(page);
  await visit("forgot-sent");
  await page.goto(login);
  const register = "a[href*='/register?']";
  if ((await page.locator(register).count()) > 0) {
    await follow(page, register);
    await visit("register");
    await type(page, "#email", "niemand@example.org");
    await type(page, "#mobile", "06 12 34 56 78");
    if ((await page.locator("#privacy").count()) > 0) {
      await tabTo(page, "#privacy");
      await page.keyboard.press("Space");
    }
    await follow(page, "form:has(#mobile) button");
    await visit("register-sent");
  }
  await page.goto(`${tenant.issuer}/help`);
  await visit("help");
  await page.goto(`${tenant.issuer}/terms`);
  await visit("terms-of-use");
  await page.goto(`${tenant.issuer}/link?token=wrong`);
  await visit("link-over");

  await page.goto(`${login}&look=contrast-large`);
  await visit("password-contrast-large");
  await page.goto(`${login}&look=plain&show=1`);
  await visit("password-shown");
  await page.goto(login);
  await type(page, "#username", account.username);
  await type(page, "#password", "not the password");
  await go(page);
  await visit("password-wrong");
  const before = sentSoFar(outbox);
  await type(page, "#username", account.username);
  await type(page, "#password", account.password);
  await go(page);
  if ((await page.locator("#otp").count()) === 0) {
    await visit("code-request");
    await follow(page, "form[action$='/login/code/send'] button");
  }
  await visit("code");
  const code = await newestCode(outbox, before, await page.locator("main").innerText());
  await type(page, "#otp", code === "000000" ? "111111" : "000000");
  await go(page);
  await visit("code-wrong");
  await type(page, "#otp", code);
  await go(page);
  await agree(page, visit);
  await visit("client");
  await tabTo(page, "input[name=patient]");
  await page.keyboard.press("Space");
  await follow(page, "form:has(input[name=patient]) button");
  await visit("approve");
  await follow(page, "button[name=decision][value=allow]");
  // The app did not begin this login and begins one of its own: the person is known by now.
  await page.goto(`${app}?iss=${encodeURIComponent(tenant.fhir)}`);
  await tabTo(page, "#start");
  await page.keyboard.press("Enter");
  await page.locator("#app[data-ready], input[name=patient]").first().waitFor({ timeout: PATIENCE });
  if ((await page.locator("input[name=patient]").count()) > 0) {
    await tabTo(page, "input[name=patient]");
    await page.keyboard.press("Space");
    await follow(page, "form:has(input[name=patient]) button");
  }
  await page.locator("#app[data-ready]").waitFor({ timeout: PATIENCE });
  for (const tab of ["rapportages", "zorgplan", "afspraken"]) {
    await page.locator(`#tab-${tab}`).focus();
    await page.keyboard.press("Enter");
    await page.locator(`#${tab}`).waitFor({ state: "visible" });
    await visit(`app-${tab}`);
  }

  await page.goto(`${tenant.issuer}/account`);
  await visit("account");
  for (const act of ["password", "mobile", "email", "factors", "share", "close"]) {
    await follow(page, `a[href$="/account/${act}"]`);
    await visit(`account-${act}`);
    await page.goto(`${tenant.issuer}/account`);
  }
  await page.goto(`${tenant.issuer}/account/email`);
  await type(page, "#email", "no address");
  await go(page);
  await visit("account-email-wrong");
  await page.goto(`${tenant.issuer}/account/nonsense`);
  await visit("not-found");
  await page.goto(`${tenant.issuer}/oauth/logout`);
  await visit("logout");
  await page.goto(`${tenant.issuer}/account?lang=en`);
  await visit("account-english");
  await follow(page, "form[action$='/account/sign-out'] button");
  await visit("signed-out");
}

/** The first login of somebody with a password that was handed out, up to the choice of their own; nothing changes. */
export async function firstLogin(page, demo, visit) {
  const { account, outbox } = demo;
  await start(page, demo);
  const before = sentSoFar(outbox);
  await type(page, "#username", account.username);
  await type(page, "#password", account.password);
  await go(page);
  if ((await page.locator("#otp").count()) === 0) await follow(page, "form[action$='/login/code/send'] button");
  await type(page, "#otp", await newestCode(outbox, before, await page.locator("main").innerText()));
  await go(page);
  await visit("new-password");
  await type(page, "#password", account.password);
  await type(page, "#new_password", "kort");
  await type(page, "#new_password_again", "korter");
  await go(page);
  await visit("new-password-wrong");
}
