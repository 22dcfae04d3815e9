// The patient app: log in, then rapportages, zorgplan and appointments in three tabs.

import { begin, finish } from "./library.js";
import { afspraak, dateOf, make, nameOf, rapportage, zorgplan } from "./show.js";

const CLIENT_ID = "demo-browser";
const SCOPE = "openid fhirUser launch/patient patient/*.rs";
const PAGE = 20;

const at = (id) => document.getElementById(id);

function tell(text, bad = false) {
  at("melding").textContent = text;
  at("melding").classList.toggle("fout", bad);
}

function explain(error) {
  if (error.code === "access_denied") return "U gaf geen toestemming. Er is niets getoond. U kunt opnieuw beginnen.";
  if (error.code === "state") return "Dit inloggen hoort niet bij dit venster. Begin opnieuw.";
  if (error.status === 401) return "Uw sessie is verlopen. Log opnieuw in.";
  if (error.status === 403) return "U hebt geen recht om dit te zien.";
  return "Het lukt nu niet om uw gegevens op te halen. Probeer het later nog eens.";
}

function welcome() {
  const iss = new URLSearchParams(location.search).get("iss");
  if (iss) at("iss").value = iss;
  at("welkom").hidden = false;
  at("begin").addEventListener("submit", async (event) => {
    event.preventDefault();
    tell("U gaat naar de inlogpagina van uw zorgorganisatie.");
    const redirectUri = new URL("./", location.href.split("?")[0]).href;
    try {
      await begin({ iss: at("iss").value, clientId: CLIENT_ID, redirectUri, scope: SCOPE });
    } catch {
      tell("Op dit adres is geen zorgorganisatie gevonden. Controleer het adres.", true);
    }
  });
}

function tabs() {
  const all = [...document.querySelectorAll("[role=tab]")];
  const choose = (tab) => {
    for (const one of all) {
      const chosen = one === tab;
      one.setAttribute("aria-selected", String(chosen));
      one.tabIndex = chosen ? 0 : -1;
      at(one.getAttribute("aria-controls")).hidden = !chosen;
    }
    tab.focus();
  };
  all.forEach((tab, place) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const next = step ? all[(place + step + all.length) % all.length] : { Home: all[0], End: all.at(-1) }[event.key];
      if (!next) return;
      event.preventDefault();
      choose(next);
    });
  });
}

/** The timeline: newest first, a page at a time; the lines of a SOEP report are shown inside the report. */
async function timeline(session) {
  const [compositions, first] = await Promise.all([
    session.all(`Composition?_count=${PAGE}&_sort=-date`).catch(() => []),
    session.search(`Observation?_count=${PAGE}&_sort=-date`),
  ]);
  const inside = new Set(compositions.flatMap((one) => (one.section ?? []).flatMap((section) => (section.entry ?? []).map((entry) => entry.reference))));
  const lines = new Map();
  const waiting = [...compositions];
  let next = first.next;
  const show = async (page) => {
    const loose = [];
    for (const one of page) {
      const name = `Observation/${one.id}`;
      if (inside.has(name)) lines.set(name, one);
      else loose.push(one);
    }
    const oldest = next && page.length > 0 ? dateOf(page.at(-1)) : "";
    // A report waits until the page that reaches its date is here.
    const due = waiting.filter((one) => dateOf(one) >= oldest);
    for (const one of due) waiting.splice(waiting.indexOf(one), 1);
    // A line may stand on a page that is not here yet.
    const missing = due.flatMap((one) => (one.section ?? []).flatMap((section) => (section.entry ?? []).map((entry) => entry.reference)));
    await Promise.allSettled(missing.filter((name) => !lines.has(name)).map(async (name) => lines.set(name, await session.read(name))));
    const both = [...loose, ...due].sort((a, b) => new Date(dateOf(b)) - new Date(dateOf(a)));
    at("tijdlijn").append(...both.map((one) => rapportage(one, lines)));
    at("meer").hidden = !next;
  };
  await show(first.resources);
  if (!at("tijdlijn").hasChildNodes()) at("rapportages").append(make("p", "Er zijn nog geen rapportages."));
  at("meer").addEventListener("click", async () => {
    try {
      const page = await session.search(next);
      next = page.next;
      await show(page.resources);
      tell("Er zijn oudere rapportages bijgekomen.");
    } catch (error) {
      tell(explain(error), true);
    }
  });
}

async function plan(session) {
  const [plans, goals] = await Promise.all([session.all("CarePlan?_count=50"), session.all("Goal?_count=50")]);
  const shown = zorgplan(plans, goals);
  at("zorgplan").append(...(shown.length > 0 ? shown : [make("p", "Er is nog geen zorgplan.")]));
}

async function agenda(session) {
  const now = Date.now();
  const found = (await session.all("Appointment?_count=50")).sort((a, b) => new Date(a.start ?? 0) - new Date(b.start ?? 0));
  const coming = found.filter((one) => new Date(one.end ?? one.start ?? 0).getTime() >= now);
  const past = found.filter((one) => !coming.includes(one)).reverse();
  const panel = at("afspraken");
  panel.append(make("p", "De tijden zijn een richtlijn. Een zorgverlener kan wat eerder of later komen.", "bij"));
  panel.append(coming.length > 0 ? make("ol", coming.map(afspraak), "kaarten") : make("p", "Er staan geen afspraken gepland."));
  if (past.length > 0) panel.append(make("details", [make("summary", `Eerder (${past.length})`), make("ol", past.map(afspraak), "kaarten")]));
}

async function open(session) {
  tell("Uw gegevens worden opgehaald.");
  at("app").hidden = false;
  at("stop").hidden = false;
  at("stop").addEventListener("click", async () => {
    await session.end();
    location.replace(location.pathname);
  });
  tabs();
  const parts = [timeline(session), plan(session), agenda(session)];
  parts.push(session.read(`Patient/${session.patient}`).then((patient) => { at("wie").textContent = nameOf(patient); }));
  const failed = (await Promise.allSettled(parts)).find((part) => part.status === "rejected");
  tell(failed ? explain(failed.reason) : "", Boolean(failed));
  at("app").dataset.ready = failed ? "half" : "yes";
}

try {
  const session = await finish();
  if (session) await open(session);
  else welcome();
} catch (error) {
  welcome();
  tell(explain(error), true);
}
