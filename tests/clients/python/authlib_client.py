"""Authlib, unmodified, as a confidential web app or a public one: python authlib_client.py DIR TENANT [public]"""

import json
import os
import sys

from demo import SCOPE, SEARCHES, counted, opened, walk

import requests
from authlib.integrations.requests_client import OAuth2Session


def main(folder, tenant_id, kind="confidential"):
    public = kind == "public"
    tenant, account, app, outbox = opened(folder, tenant_id, "demo-native" if public else "demo-server")
    redirect = app["redirect_uris"][0]
    found = requests.get(tenant["fhir"] + "/.well-known/smart-configuration", timeout=30).json()
    session = OAuth2Session(
        app["client_id"], app.get("client_secret"), scope=SCOPE, redirect_uri=redirect, code_challenge_method="S256"
    )
    if public and session.token_endpoint_auth_method != "none":
        raise SystemExit("a public app shows no secret")
    verifier = "authlib-" + os.urandom(24).hex()
    start, _ = session.create_authorization_url(
        found["authorization_endpoint"], code_verifier=verifier, aud=tenant["fhir"]
    )
    back = walk(start, account, outbox, redirect)
    first = session.fetch_token(found["token_endpoint"], authorization_response=back, code_verifier=verifier)
    token = session.refresh_token(found["token_endpoint"], refresh_token=first["refresh_token"])
    renewed = all(token[name] != first[name] for name in ("access_token", "refresh_token"))
    patient, told = token["patient"], {"patient": token["patient"], "renewed": renewed}
    for kind, search in SEARCHES.items():
        answer = session.get(f"{tenant['fhir']}/{kind}", params=search, timeout=30)
        answer.raise_for_status()
        told[kind] = counted(patient, [entry["resource"] for entry in answer.json().get("entry", [])])
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:4])
