// axe-core on every page in every theme, and the keyboard on each: node accessible.mjs DIR TENANT

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { launch } from "./browser.mjs";
import { open } from "./demo.mjs";
import { firstLogin, tour } from "./tour.mjs";

const [dir, tenantId] = process.argv.slice(2);
const demo = open(dir, tenantId, "demo-browser", "representative");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const THEMES = {
  plain: {},
  contrast: { contrast: "more" },
  dark: { colorScheme: "dark" },
  forced: { forcedColors: "active" },
};
const AS_IT_WAS = { contrast: null, colorScheme: null, forcedColors: null };

const found = { pages: [], axe: {}, keyboard: {}, wide: {}, caught: [] };

async function faults(page) {
  // In the page's own world: its policy lets no other script in.
  if (!(await page.evaluate(() => typeof window.axe === "object"))) await page.evaluate(axe);
  const rules = { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };
  const { violations } = await page.evaluate((runOnly) => window.axe.run(document, { runOnly }), rules);
  return violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}

/** What the keyboard does not come to, or comes to unseen. */
async function unreachable(page) {
  await page.evaluate(() => {
    // Of a group of choices or tabs the keyboard comes to one; the arrows do the rest.
    window.group = (one) => (one.type === "radio" ? `radio ${one.name}` : (one.closest("[role=tablist]") ?? one));
    const all = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary");
    const shown = [...all].filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled);
    window.wanted = new Map();
    for (const one of shown) {
      const key = window.group(one);
      if (!window.wanted.has(key)) window.wanted.set(key, one.outerHTML.slice(0, 120));
    }
    window.unseen = [];
    document.activeElement?.blur();
  });
  const count = await page.evaluate(() => window.wanted.size);
  for (let presses = 0; presses < count + 5; presses += 1) {
    await page.keyboard.press("Tab");
    await page.evaluate(() => {
      const now = document.activeElement;
      if (!now || now === document.body) return;
      window.wanted.delete(window.group(now));
      const outlined = (one) => one && getComputedStyle(one).outlineStyle !== "none";
      if (!outlined(now) && !outlined(now.nextElementSibling)) window.unseen.push(`unseen: ${now.outerHTML.slice(0, 120)}`);
    });
  }
  return page.evaluate(() => [...window.wanted.values(), ...new Set(window.unseen)]);
}

const browser = await launch();
try {
  const context = await browser.newContext({ viewport: { width: 320, height: 640 }, locale: "nl-NL" });
  const page = await context.newPage();
  const visit = async (name) => {
    found.pages.push(name);
    for (const [theme, media] of Object.entries(THEMES)) {
      await page.emulateMedia({ ...AS_IT_WAS, ...media });
      const told = await faults(page);
      if (told.length > 0) found.axe[`${name}, ${theme}`] = told;
    }
    await page.emulateMedia(AS_IT_WAS);
    // 320 wide is a page at 400 % (WCAG 2.1, 1.4.10): nothing may have to be scrolled sideways.
    const [wide, view] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    if (wide > view) found.wide[name] = wide;
    const told = await unreachable(page);
    if (told.length > 0) found.keyboard[name] = told;
  };
  await tour(page, demo, visit);
  await context.clearCookies();
  await firstLogin(page, open(dir, tenantId, "demo-browser", "client, first login"), visit);
  // That it would see something.
  await page.setContent("<title>x</title><main><h1>x</h1><p><font color=#cccccc>pale</font><input><button tabindex=-1>never</button></main>");
  const [axes, keys] = [await faults(page), await unreachable(page)];
  if (axes.some((one) => one.startsWith("color-contrast"))) found.caught.push("pale");
  if (axes.some((one) => one.startsWith("label"))) found.caught.push("label");
  if (keys.some((one) => one.includes("never"))) found.caught.push("keyboard");
  console.log(JSON.stringify(found));
} finally {
  await browser.close();
}
