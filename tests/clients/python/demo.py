"""What a client needs of a running demo: its tenants, accounts, apps and SMS messages, and the login pages without scripts."""

import json
import os
import re
import time
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

# The demo speaks http on the loopback address.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests

SCOPE = "openid fhirUser launch/patient offline_access patient/*.rs"
SEARCHES = {
    "Observation": {"_count": "5", "_sort": "-date"},
    "DocumentReference": {"_count": "5"},
    "CarePlan": {"_count": "5"},
    "Appointment": {"_count": "5"},
}


class Forms(HTMLParser):
    """The POST forms of a page."""

    def __init__(self):
        super().__init__()
        self.forms, self.open = [], None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form" and attrs.get("method", "").lower() == "post":
            self.open = {"action": attrs.get("action", ""), "controls": []}
        elif tag in ("input", "button") and self.open is not None:
            kind = attrs.get("type", "submit" if tag == "button" else "text")
            self.open["controls"].append((attrs.get("name"), kind, attrs.get("value") or ""))

    def handle_endtag(self, tag):
        if tag == "form" and self.open is not None:
            self.forms.append(self.open)
            self.open = None


def messages(outbox):
    try:
        with open(outbox, encoding="utf-8") as lines:
            return [line for line in lines if line.strip()]
    except FileNotFoundError:
        return []


def newest_code(outbox, before, page):
    """The code whose reference (4821 of 4821-639174) stands on the page: others may log in at the same time."""
    for _ in range(100):
        for line in reversed(messages(outbox)[before:]):
            message = json.loads(line)
            reference = re.search(r"\b(\d{4})-\d{6}\b", message["text"])
            if reference and reference[1] in page:
                return message["code"]
        time.sleep(0.1)
    raise SystemExit("no SMS came within ten seconds")


def fill(form, account, code):
    typed = {"username": account["username"], "password": account["password"], "otp": code}
    patient, fields = account["patients"][0]["id"], []
    for name, kind, value in form["controls"]:
        if not name or (name == "decision" and value != "allow"):
            continue
        if kind == "radio" and not value.endswith(patient):
            continue
        fields.append((name, typed.get(name, value)))
    return fields


def walk(start, account, outbox, redirect):
    """From an authorization address to the redirect, without scripts. Gives that address."""
    before, cookies = len(messages(outbox)), {}

    def send(method, url, **more):
        while True:
            # Cookies by hand: the library keeps secure ones from http, a browser sends them on the loopback address.
            headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), **more.pop("headers", {})}
            answer = requests.request(method, url, headers=headers, allow_redirects=False, timeout=30, **more)
            for line in answer.raw.headers.getlist("Set-Cookie"):
                name, _, value = line.split(";")[0].partition("=")
                cookies[name.strip()] = value
            location = answer.headers.get("Location")
            if not location:
                return url, answer
            url, method, more = urljoin(url, location), "GET", {}
            if url.startswith(redirect):
                return url, None

    url, page = send("GET", start)
    for _ in range(16):
        if page is None:
            return url
        page.raise_for_status()
        reader = Forms()
        reader.feed(page.text)
        known = re.compile("^(username|otp|patient|decision)$")
        names = lambda form: [name for name, _, _ in form["controls"] if name]
        form = next((one for one in reader.forms if any(map(known.match, names(one)))), reader.forms[0])
        code = newest_code(outbox, before, page.text) if "otp" in names(form) else ""
        parts = urlsplit(url)
        origin = {"Origin": f"{parts.scheme}://{parts.netloc}"}
        url, page = send("POST", urljoin(url, form["action"]), data=fill(form, account, code), headers=origin)
    raise SystemExit("the login did not end within 16 pages")


def opened(folder, tenant_id, client_id):
    """The tenant, a client's own account, the app with its redirect address, and the file of messages."""
    with open(os.path.join(folder, "demo.json"), encoding="utf-8") as text:
        tenant = next(one for one in json.load(text)["tenants"] if one["id"] == tenant_id)
    account = next(one for one in tenant["accounts"] if one["role"] == "client" and len(one["patients"]) == 1)
    app = next(one for one in tenant["apps"] if one["client_id"] == client_id)
    return tenant, account, app, os.path.join(folder, "outbox", "sms.jsonl")


def counted(patient, resources):
    """How many there are, and whether all of them are of this client."""
    ours = all(f'"Patient/{patient}"' in json.dumps(resource) for resource in resources)
    return {"count": len(resources), "ours": ours}
