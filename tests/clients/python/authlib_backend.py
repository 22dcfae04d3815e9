"""Authlib, unmodified, as a backend that signs by ES384 and exports: python authlib_backend.py DIR TENANT"""

import json
import os
import sys
import time

from demo import opened

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

ALG = "ES384"
# SMART lets an assertion live for five minutes; the library says an hour if nobody says anything.
LIFE = 300


def main(folder, tenant_id):
    tenant, _, app, _ = opened(folder, tenant_id, "demo-backend")
    with open(os.path.join(folder, "demo-backend.jwk"), encoding="utf-8") as text:
        jwk = json.load(text)
    found = requests.get(tenant["fhir"] + "/.well-known/smart-configuration", timeout=30).json()
    endpoint = found["token_endpoint"]

    def session(life, **claims):
        one = OAuth2Session(
            app["client_id"], ECKey.import_key(jwk), token_endpoint_auth_method="private_key_jwt", scope="system/*.rs"
        )
        claims["exp"] = int(time.time()) + life
        one.register_client_auth_method(PrivateKeyJWT(endpoint, claims=claims, headers={"kid": jwk["kid"]}, alg=ALG))
        return one

    def status(one):
        """What the token endpoint answers, whatever the library makes of it."""
        seen = []
        one.register_compliance_hook("access_token_response", lambda answer: seen.append(answer.status_code) or answer)
        try:
            one.fetch_token(endpoint, grant_type="client_credentials")
        except Exception:
            pass
        return seen[0]

    once = {"jti": os.urandom(16).hex()}
    backend = session(LIFE, **once)
    backend.fetch_token(endpoint, grant_type="client_credentials")
    base = tenant["fhir"]
    page = backend.get(f"{base}/Patient", params={"_count": "100"}, timeout=30)
    patients = len(page.json().get("entry", []))

    asked = backend.get(f"{base}/Patient/$export", params={"_type": "Patient"}, headers={"Prefer": "respond-async",
                        "Accept": "application/fhir+json"}, timeout=30)
    asked.raise_for_status()
    job = asked.headers["Content-Location"]
    for _ in range(300):
        answer = backend.get(job, timeout=30)
        if answer.status_code != 202:
            break
        time.sleep(0.1)
    files = answer.json()["output"]
    lines = [line for file in files for line in backend.get(file["url"], timeout=30).text.splitlines()]
    backend.delete(job, timeout=30).raise_for_status()
    print(json.dumps({
        "read": page.status_code,
        "alg": ALG,
        "Patient": patients,
        "exported": sum(json.loads(line)["resourceType"] == "Patient" for line in lines),
        "replayed": status(session(LIFE, **once)),
        "too_long": status(session(3600)),
    }))


if __name__ == "__main__":
    main(*sys.argv[1:3])
