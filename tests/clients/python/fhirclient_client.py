"""SMART's own client for Python, unmodified, as a public native app: python fhirclient_client.py DIR TENANT

It finds the endpoints in the CapabilityStatement, and reads every resource into classes that refuse what R4 does not have.
"""

import json
import sys

from demo import SCOPE, SEARCHES, counted, opened, walk

from fhirclient.client import FHIRClient
from fhirclient.models import appointment, careplan, documentreference, observation

CLASSES = {
    "Observation": observation.Observation,
    "DocumentReference": documentreference.DocumentReference,
    "CarePlan": careplan.CarePlan,
    "Appointment": appointment.Appointment,
}


def main(folder, tenant_id):
    tenant, account, app, outbox = opened(folder, tenant_id, "demo-native")
    redirect = app["redirect_uris"][0].replace("127.0.0.1/", "127.0.0.1:53684/")
    smart = FHIRClient(
        settings={"app_id": app["client_id"], "api_base": tenant["fhir"], "redirect_uri": redirect, "scope": SCOPE}
    )
    if smart.prepare():
        raise SystemExit("data can be read without a login")
    back = walk(smart.authorize_url, account, outbox, redirect)
    smart.handle_callback(back)
    if not smart.reauthorize():
        raise SystemExit("the refresh token gives nothing")
    patient = smart.patient_id
    if smart.patient.id != patient:
        raise SystemExit("the Patient is of somebody else")
    told = {"patient": patient}
    for kind, search in SEARCHES.items():
        bundle = CLASSES[kind].where(search).perform(smart.server)
        told[kind] = counted(patient, [entry.resource.as_json() for entry in bundle.entry or []])
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:3])
