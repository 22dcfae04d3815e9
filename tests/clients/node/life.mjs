// The life of an account at one organisation, in Chromium: node life.mjs DIR TENANT PROGRAM
//
// Invited (a contact registers, where people do that), first login, the same device again, another device, a forgotten password, a
// contact who gets one part and loses it, another number, and the end. Tells which pages each login showed, and what the contact's
// app could read.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { launch, walk } from "./browser.mjs";
import { open, redirectOf, sentSoFar } from "./demo.mjs";

const [dir, tenantId, program] = process.argv.slice(2);
const { tenant, app, outbox } = open(dir, tenantId, "demo-native");
const invitee = tenant.unclaimed;
const redirect = redirectOf(app);
const config = join(dir, "inzage.toml");
const VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const REGISTER = "a[href*='/register?']";
const PASSWORDS = ["Een natte regendag 7", "Een droge zomerdag 8"];

const inzage = (...words) => execFileSync(program, [...words, "--config", config], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

const lines = (file) => {
  try {
    return readFileSync(file, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
  } catch {
    return [];
  }
};
const mails = () => lines(join(dir, "outbox", "mail.jsonl"));

/** The first of these messages that fits, once it is there. */
async function arrives(messages, fits, what) {
  for (let tries = 0; tries < 150; tries += 1) {
    const found = messages().filter(fits).at(-1);
    if (found) return found;
    await sleep(100);
  }
  throw new Error(`no ${what} came within fifteen seconds`);
}

/** Sends the form and waits for what comes. */
async function submit(page, button) {
  const answered = page.waitForEvent("load", { timeout: 60_000 });
  await page.locator(button).first().click();
  await answered;
  return page.locator("main").innerText();
}

function invite(name, right) {
  const byMail = tenant.accounts[0].username.includes("@");
  const email = `${name}@example.org`;
  const username = byMail ? email : name;
  const number = name === "life" ? 1 : 2;
  const person = { username, mobile: `06-2${String(tenantId.length).padStart(3, "0")}000${number}`, name: `Proef ${name}`, email };
  const file = join(dir, `${tenantId}-${name}.json`);
  writeFileSync(file, JSON.stringify({ ...person, rights: [{ client: invitee.client, ...right }] }));
  inzage("account", "invite", "--tenant", tenantId, "--file", file);
  return { username, email, patients: [{ id: invitee.id }], password: "" };
}

/** Writes down whom the organisation expects: they register with what the ECD knows of them. */
function expect(name, right) {
  const { contact_email: email, contact_mobile: mobile } = invitee;
  const file = join(dir, `${tenantId}-${name}.json`);
  writeFileSync(file, JSON.stringify({ email, name: `Proef ${name}`, rights: [{ client: invitee.client, ...right }] }));
  inzage("account", "expect", "--tenant", tenantId, "--file", file);
  return { username: email, email, mobile, patients: [{ id: invitee.id }], password: "" };
}

/** Registers from the login page. */
async function register(page, account) {
  await start(page);
  const followed = page.waitForEvent("load", { timeout: 60_000 });
  await page.click(REGISTER);
  await followed;
  await page.fill("#email", account.email);
  await page.fill("#mobile", account.mobile);
  if ((await page.locator("#privacy").count()) > 0) await page.check("#privacy");
  const told = await submit(page, "form:has(#mobile) button");
  if (!told.includes("Kijk in uw mail")) throw new Error(`the registration was not taken: ${told}`);
}

/** Chooses a password by the newest link that was mailed to this address. */
async function chooseByLink(page, account, before, password) {
  const isNew = (mail, at) => at >= before && JSON.stringify(mail).includes(account.email) && /token=/.test(mail.code ?? "");
  const mail = await arrives(mails, isNew, "mail with a link");
  await page.goto(mail.code.match(/https?:\S+token=[\w-]+/)[0]);
  await page.fill("#new_password", password);
  await page.fill("#new_password_again", password);
  const told = await submit(page, "form:has(#new_password) button");
  if (!told.includes("opgeslagen")) throw new Error(`the password was not saved: ${told}`);
  account.password = password;
}

/** The first page of a login for an app, whoever was logged in before. */
async function start(page) {
  const asked = new URLSearchParams({
    response_type: "code",
    client_id: app.client_id,
    redirect_uri: redirect,
    scope: "openid launch/patient patient/*.rs",
    state: "life",
    aud: tenant.fhir,
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
    prompt: "login consent",
  });
  await page.goto(`${tenant.issuer}/oauth/authorize?${asked}`);
}

/** Logs in for an app; the pages on the way, and the code. */
async function logIn(page, account) {
  await start(page);
  const pages = [];
  await walk(page, { account, outbox }, (url) => url.startsWith(redirect), async (name) => pages.push(name));
  return { pages, code: new URL(page.url()).searchParams.get("code") };
}

async function redeem(code) {
  const body = new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: redirect, client_id: app.client_id, code_verifier: VERIFIER });
  const response = await fetch(`${tenant.issuer}/oauth/token`, { method: "POST", body });
  if (!response.ok) throw new Error(`the code was not redeemed: ${response.status}`);
  return (await response.json()).access_token;
}

/** How many of a type the token can read; the status where it is none of ours. */
async function count(token, type) {
  const response = await fetch(`${tenant.fhir}/${type}?_count=5`, { headers: { authorization: `Bearer ${token}` } });
  if (!response.ok) return `status ${response.status}`;
  const { entry = [] } = await response.json();
  return entry.filter((one) => one.search?.mode !== "outcome").length;
}

const browser = await launch();
const person = async () => {
  const context = await browser.newContext({ locale: "nl-NL" });
  await context.route(`${new URL(redirect).origin}/**`, (route) => route.fulfill({ contentType: "text/html", body: "<p>app</p>" }));
  return context.newPage();
};

const found = {};
try {
  const before = mails().length;
  const me = invite("life", { role: "client" });
  const door = await person();
  await start(door);
  found.registers = (await door.locator(REGISTER).count()) > 0;
  const contact = (found.registers ? expect : invite)("helper", { role: "contact", contact: invitee.contact });
  inzage("sync", "--tenant", tenantId, "--wait", "120");

  const home = await person();
  await chooseByLink(home, me, before, PASSWORDS[0]);
  found.first = (await logIn(home, me)).pages;
  found.again = (await logIn(home, me)).pages;
  const elsewhere = await person();
  found.elsewhere = (await logIn(elsewhere, me)).pages;

  // Forgotten: a link by mail, and the old password is none any more.
  const asked = mails().length;
  await home.goto(`${tenant.issuer}/forgot`);
  await home.fill("#username", me.username);
  await home.fill("#email", me.email);
  await submit(home, "form:has(#email) button");
  await chooseByLink(home, me, asked, PASSWORDS[1]);
  const late = await logIn(home, me);
  found.afterForgotten = late.pages;

  // A contact: sees nothing, then appointments alone, then nothing.
  const visitor = await person();
  if (found.registers) await register(visitor, contact);
  await chooseByLink(visitor, contact, before, PASSWORDS[0]);
  const answer = await logIn(visitor, contact);
  const token = await redeem(answer.code);
  const sees = async () => ({ Appointment: await count(token, "Appointment"), Observation: await count(token, "Observation") });
  found.contact = [await sees()];
  const form = "form[action$='/account/share']";
  await home.goto(`${tenant.issuer}/account/share`);
  await home.locator(`${form} input[name=afspraken]`).check();
  await submit(home, `${form} button[value=save]`);
  found.contact.push(await sees());
  await submit(home, `${form} button[value=end]`);
  found.contact.push(await sees());

  // Another number: the code goes there. For a day after it nothing changes in what others may see.
  const mobile = "06 87 65 43 21";
  const sent = sentSoFar(outbox);
  await home.goto(`${tenant.issuer}/account/mobile`);
  await home.fill("#mobile", mobile);
  await submit(home, "form:has(#mobile) button");
  const isThere = (sms, at) => at >= sent && sms.code && /6\D*8\D*7\D*6\D*5\D*4\D*3\D*2\D*1/.test(sms.to ?? "");
  const { code } = await arrives(() => lines(outbox), isThere, "SMS to the new number");
  await home.fill("#otp", code);
  found.mobile = (await submit(home, "form:has(#otp) button")).includes("Uw mobiele nummer is veranderd");

  // The end.
  const mine = await redeem((await logIn(elsewhere, me)).code);
  const open = await count(mine, "Appointment");
  await home.goto(`${tenant.issuer}/account/close`);
  const closed = await submit(home, "form[action$='/account/close'] button");
  found.closed = closed.includes("Uw account is gesloten");
  found.app = [open > 0, await count(mine, "Appointment")];
  const told = (mail) => JSON.stringify(mail).includes(me.email) && JSON.stringify(mail).includes("uw account is gesloten");
  found.told = Boolean(await arrives(mails, told, "mail about the end"));
  const stranger = await person();
  await start(stranger);
  await stranger.fill("#username", me.username);
  await stranger.fill("#password", me.password);
  found.refused = (await submit(stranger, "form:has(#username) button")).includes("klopt niet");
} finally {
  await browser.close();
}
console.log(JSON.stringify(found));
