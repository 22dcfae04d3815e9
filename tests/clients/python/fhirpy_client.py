"""fhirpy, unmodified, with a token that Authlib got as a public native app: python fhirpy_client.py DIR TENANT"""

import json
import os
import sys

from demo import SCOPE, SEARCHES, counted, opened, walk

import requests
from authlib.integrations.requests_client import OAuth2Session
from fhirpy import SyncFHIRClient


def main(folder, tenant_id):
    tenant, account, app, outbox = opened(folder, tenant_id, "demo-native")
    redirect = app["redirect_uris"][0].replace("127.0.0.1/", "127.0.0.1:53685/")
    found = requests.get(tenant["fhir"] + "/.well-known/smart-configuration", timeout=30).json()
    session = OAuth2Session(
        app["client_id"],
        scope=SCOPE,
        redirect_uri=redirect,
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
    )
    verifier = "fhirpy-" + os.urandom(24).hex()
    start, _ = session.create_authorization_url(
        found["authorization_endpoint"], code_verifier=verifier, aud=tenant["fhir"]
    )
    back = walk(start, account, outbox, redirect)
    token = session.fetch_token(found["token_endpoint"], authorization_response=back, code_verifier=verifier)
    client = SyncFHIRClient(tenant["fhir"], authorization="Bearer " + token["access_token"])
    patient = token["patient"]
    if client.reference("Patient", patient).to_resource()["id"] != patient:
        raise SystemExit("the Patient is of somebody else")
    told = {"patient": patient}
    for kind, search in SEARCHES.items():
        resources = client.resources(kind).search(**search).fetch()
        told[kind] = counted(patient, [resource.serialize() for resource in resources])
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:3])
