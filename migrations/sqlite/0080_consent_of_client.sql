-- How many accounts may see one client is a rule of some organisations, so that number is asked with every new right.
CREATE INDEX consent_right_patient ON consent_right (tenant, patient) WHERE ended_at IS NULL;
