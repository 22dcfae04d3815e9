"""Authlib, unmodified, as a confidential web app: python authlib_client.py DIR TENANT"""

import json
import os
import sys

from demo import SCOPE, SEARCHES, counted, opened, walk

import requests
from authlib.integrations.requests_client import OAuth2Session


def main(folder, tenant_id):
    tenant, account, app, outbox = opened(folder, tenant_id, "demo-server")
    redirect = app["redirect_uris"][0]
    found = requests.get(tenant["fhir"] + "/.well-known/smart-configuration", timeout=30).json()
    session = OAuth2Session(
        app["client_id"], app["client_secret"], scope=SCOPE, redirect_uri=redirect, code_challenge_method="S256"
    )
    verifier = "authlib-" + os.urandom(24).hex()
    start, _ = session.create_authorization_url(
        found["authorization_endpoint"], code_verifier=verifier, aud=tenant["fhir"]
    )
    back = walk(start, account, outbox, redirect)
    token = session.fetch_token(found["token_endpoint"], authorization_response=back, code_verifier=verifier)
    token = session.refresh_token(found["token_endpoint"], refresh_token=token["refresh_token"])
    patient, told = token["patient"], {"patient": token["patient"]}
    for kind, search in SEARCHES.items():
        answer = session.get(f"{tenant['fhir']}/{kind}", params=search, timeout=30)
        answer.raise_for_status()
        told[kind] = counted(patient, [entry["resource"] for entry in answer.json().get("entry", [])])
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:3])
