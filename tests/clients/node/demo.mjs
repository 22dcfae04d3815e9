// What a client needs of a running demo: its tenants, accounts and apps, and the SMS messages that it "sent".

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** The scopes that every client asks for. */
export const SCOPE = "openid fhirUser launch/patient offline_access patient/*.rs";

/** Reads DIR/demo.json and picks the tenant, an account (a client's own, if no other role is wanted), and the app. */
export function open(dir, tenantId, clientId, role = "client") {
  const tenant = JSON.parse(readFileSync(join(dir, "demo.json"), "utf8")).tenants.find((one) => one.id === tenantId);
  const account = tenant.accounts.find((one) => one.role === role && one.patients.length >= 1);
  const app = tenant.apps.find((one) => one.client_id === clientId);
  if (!account || !app) throw new Error(`the demo has no account of a ${role} or no app ${clientId} at ${tenantId}`);
  return { tenant, account, app, outbox: join(dir, "outbox", "sms.jsonl") };
}

/** A redirect address of the app; a loopback address without a port gets one (RFC 8252 §7.3). */
export function redirectOf(app, port = "53683") {
  const url = new URL(app.redirect_uris[0]);
  if (["127.0.0.1", "[::1]"].includes(url.hostname) && url.port === "" && url.protocol === "http:") url.port = port;
  return url.href;
}

function messages(outbox) {
  try {
    return readFileSync(outbox, "utf8").split("\n").filter((line) => line.trim() !== "");
  } catch {
    return [];
  }
}

/** How many messages there are now; give it to `newestCode` later. */
export const sentSoFar = (outbox) => messages(outbox).length;

/**
 * The code that belongs to this page: the newest message after the first `before` whose reference (`4821` of `4821-639174`)
 * stands on the page. Others may log in at the same time. Waits ten seconds.
 */
export async function newestCode(outbox, before, pageText) {
  for (let tries = 0; tries < 100; tries += 1) {
    const mine = messages(outbox).slice(before).map((line) => JSON.parse(line)).filter(({ text }) => {
      const reference = text.match(/\b(\d{4})-\d{6}\b/)?.[1];
      return reference && pageText.includes(reference);
    });
    if (mine.length > 0) return mine.at(-1).code;
    await sleep(100);
  }
  throw new Error("no SMS came within ten seconds");
}

/** What a client found, in the form that the test expects on standard output. */
export function tell(patient, bundles, more = {}) {
  const found = { patient, ...more };
  for (const [type, bundle] of Object.entries(bundles)) {
    const entries = bundle.entry ?? [];
    const ofPatient = (one) => JSON.stringify(one.resource).includes(`"Patient/${patient}"`);
    found[type] = { count: entries.length, ours: entries.every(ofPatient) };
  }
  console.log(JSON.stringify(found));
}

/** The searches that every client makes. */
export const SEARCHES = {
  Observation: "Observation?_count=5&_sort=-date",
  DocumentReference: "DocumentReference?_count=5",
  CarePlan: "CarePlan?_count=5",
  Appointment: "Appointment?_count=5",
};
