// The login pages without a browser and without scripts: forms in, forms out.

import { newestCode, sentSoFar } from "./demo.mjs";

const attribute = (tag, name) => {
  const found = tag.match(new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`, "i"));
  return found && (found[1] ?? found[2] ?? found[3]).replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&amp;", "&");
};

/** The POST forms of a page: action and controls. */
function formsOf(html) {
  return [...html.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/gi)].map(([form]) => {
    const open = form.match(/<form\b[^>]*>/i)[0];
    const controls = [...form.matchAll(/<(input|button)\b[^>]*>/gi)].map(([tag, kind]) => ({
      name: attribute(tag, "name"),
      kind: attribute(tag, "type") ?? (kind.toLowerCase() === "button" ? "submit" : "text"),
      value: attribute(tag, "value") ?? "",
    }));
    return { posts: attribute(open, "method")?.toLowerCase() === "post", action: attribute(open, "action") ?? "", controls };
  }).filter((form) => form.posts);
}

/** Walks from an authorization address to the redirect and gives that address. */
export async function walk(start, { account, outbox }, redirect) {
  const before = sentSoFar(outbox);
  const cookies = new Map();
  const send = async (url, init = {}) => {
    const headers = { ...init.headers, cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
    const response = await fetch(url, { ...init, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split(/=(.*)/s);
      cookies.set(name.trim(), value);
    }
    const location = response.headers.get("location");
    const next = location && new URL(location, url);
    if (!next) return { url, html: await response.text(), status: response.status };
    if (next.href.startsWith(redirect)) return { back: next };
    return send(next);
  };
  let page = await send(start);
  for (let pages = 0; pages < 16; pages += 1) {
    if (page.back) return page.back;
    if (page.status >= 400) throw new Error(`a login page answered with status ${page.status}`);
    const forms = formsOf(page.html);
    const has = (form, name) => form.controls.some((control) => control.name === name);
    const form = forms.find((one) => ["username", "otp", "patient", "decision"].some((name) => has(one, name))) ?? forms[0];
    const code = has(form, "otp") ? await newestCode(outbox, before, page.html) : "";
    const typed = { username: account.username, password: account.password, otp: code };
    const fields = new URLSearchParams();
    for (const { name, kind, value } of form.controls.filter((control) => control.name)) {
      if (name === "decision" && value !== "allow") continue;
      if (kind === "radio" && (fields.has(name) || !value.endsWith(account.patients[0].id))) continue;
      if (kind === "submit" && name !== "decision" && fields.has("pressed")) continue;
      fields.append(name, typed[name] ?? value);
    }
    const url = new URL(form.action, page.url);
    page = await send(url, { method: "POST", body: fields, headers: { origin: url.origin } });
  }
  throw new Error("the login did not end within 16 pages");
}
