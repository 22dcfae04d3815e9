// FHIR resources as Dutch cards. Every text from the server is set as text, never as HTML.

const ZONE = "Europe/Amsterdam";
const day = new Intl.DateTimeFormat("nl-NL", { timeZone: ZONE, weekday: "long", day: "numeric", month: "long", year: "numeric" });
const hour = new Intl.DateTimeFormat("nl-NL", { timeZone: ZONE, hour: "2-digit", minute: "2-digit" });

const STATUS = {
  active: "actueel", draft: "in voorbereiding", "on-hold": "onderbroken", completed: "afgerond", revoked: "vervangen", unknown: "onbekend",
  proposed: "voorgesteld", planned: "gepland", accepted: "afgesproken", cancelled: "gestopt", rejected: "afgewezen",
  booked: "gepland", pending: "nog niet zeker", fulfilled: "geweest", noshow: "niet doorgegaan",
};

/** An element with text or children. */
export function make(name, content = [], className = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...[content].flat().filter((one) => one !== null && one !== undefined && one !== ""));
  return element;
}

/** Monday 3 March 2026, 14:05; only the day when there is no time. */
export function moment(text) {
  if (!text) return "zonder datum";
  const at = new Date(text.length === 10 ? `${text}T12:00:00Z` : text);
  if (Number.isNaN(at.getTime())) return text;
  return text.length <= 10 ? day.format(at) : `${day.format(at)}, ${hour.format(at)}`;
}

const concept = (one) => one?.text ?? one?.coding?.find((coding) => coding.display)?.display ?? "";
const names = (list) => (list ?? []).map((one) => one.display).filter(Boolean).join(", ");
const card = (parts) => make("li", [make("article", parts)], "kaart");
const pair = (term, text) => (text ? [make("dt", term), make("dd", text)] : []);

function measured(one) {
  const quantity = one.valueQuantity;
  if (quantity) return `${String(quantity.value).replace(".", ",")} ${quantity.unit ?? quantity.code ?? ""}`.trim();
  if (one.valueInteger !== undefined) return String(one.valueInteger);
  return one.valueString ?? concept(one.valueCodeableConcept) ?? "";
}

/** What kind of story it is says more than that it is one; a measurement says what was measured. */
const titleOf = (one) => (one.valueString ? concept(one.category?.[0]) : "") || concept(one.code) || concept(one.type) || "Rapportage";

/** When a rapportage was made. */
export const dateOf = (one) => one.effectiveDateTime ?? one.effectivePeriod?.start ?? one.date ?? "";

/** A rapportage: an Observation, or a Composition with the lines that it refers to. */
export function rapportage(one, lines) {
  const parts = [make("h2", titleOf(one)), make("p", moment(dateOf(one)), "bij")];
  if (one.resourceType === "Composition") {
    const rows = (one.section ?? []).flatMap((section) => {
      const text = (section.entry ?? []).map((entry) => lines.get(entry.reference)).filter(Boolean).map(measured).join("\n");
      return pair(section.title ?? concept(section.code), text);
    });
    parts.push(make("dl", rows));
  } else {
    const whole = measured(one);
    if (whole) parts.push(make("p", whole));
    const rows = (one.component ?? []).flatMap((part) => pair(concept(part.code), measured(part)));
    if (rows.length > 0) parts.push(make("dl", rows));
  }
  const by = names(one.performer ?? one.author);
  if (by) parts.push(make("p", `Door ${by}`, "bij"));
  return card(parts);
}

const reference = (one) => `${one.resourceType}/${one.id}`;
const refersTo = (list, one) => (list ?? []).some((other) => other.reference === reference(one));

function action(plan) {
  const detail = plan.activity?.[0]?.detail;
  return plan.title ?? detail?.description ?? concept(detail?.code) ?? plan.description ?? "Afspraak";
}

/** The zorgplan: each plan with its goals, and the actions below each goal. */
export function zorgplan(plans, goals) {
  const whole = plans.filter((plan) => !plan.partOf?.length);
  const order = { active: 0, draft: 1 };
  whole.sort((a, b) => (order[a.status] ?? 2) - (order[b.status] ?? 2) || (b.period?.start ?? "").localeCompare(a.period?.start ?? ""));
  return whole.map((plan) => {
    const children = plans.filter((child) => refersTo(child.partOf, plan));
    const own = goals.filter((goal) => refersTo(plan.goal, goal) || children.some((child) => refersTo(child.goal, goal)));
    const { start, end } = plan.period ?? {};
    const period = [start && `vanaf ${moment(start)}`, end && `tot en met ${moment(end)}`].filter(Boolean).join(" ");
    const parts = [make("h2", plan.title ?? concept(plan.category?.[0]) ?? "Zorgplan"), make("p", [STATUS[plan.status] ?? plan.status, period].filter(Boolean).join(" · "), "bij")];
    const rest = children.filter((child) => !own.some((goal) => refersTo(child.goal, goal)));
    const list = (items) => (items.length > 0 ? make("ul", items.map((child) => make("li", action(child)))) : null);
    for (const goal of own) {
      const status = STATUS[goal.lifecycleStatus] ?? goal.lifecycleStatus;
      const actions = list(children.filter((child) => refersTo(child.goal, goal)));
      parts.push(make("div", [make("h3", `Doel: ${concept(goal.description) || "zonder omschrijving"}`), make("p", status, "bij"), actions], "kaart"));
    }
    const direct = (plan.activity ?? []).map((one) => one.detail?.description ?? concept(one.detail?.code)).filter(Boolean);
    const loose = [...rest.map(action), ...direct];
    if (loose.length > 0) parts.push(make("div", [make("h3", "Afspraken"), make("ul", loose.map((text) => make("li", text)))], "kaart"));
    return make("article", parts);
  });
}

/** One appointment. */
export function afspraak(one) {
  const until = one.end ? ` tot ${hour.format(new Date(one.end))}` : "";
  const kind = one.description ?? concept(one.appointmentType) ?? "";
  const who = names((one.participant ?? []).map((part) => part.actor ?? {}).filter((actor) => !actor.reference?.startsWith("Patient/")));
  const status = one.status === "booked" ? null : make("p", STATUS[one.status] ?? one.status, "bij");
  return card([
    make("h2", kind || concept(one.serviceType?.[0]) || "Afspraak"),
    make("p", `${moment(one.start)}${until}`),
    who && make("p", `Met ${who}`, "bij"),
    status,
    one.patientInstruction && make("p", one.patientInstruction),
  ]);
}

/** The name of the client. */
export function nameOf(patient) {
  const name = patient.name?.[0] ?? {};
  return name.text ?? [...(name.given ?? []), name.family].filter(Boolean).join(" ");
}
