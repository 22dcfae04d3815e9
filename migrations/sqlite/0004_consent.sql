-- Who may see what of whom. A right is never changed or deleted: it is ended, and a new one is written, so that "who could see
-- this on that day" can be answered as long as the audit refers to it.
CREATE TABLE consent_right (
    tenant         TEXT   NOT NULL,
    account        TEXT   NOT NULL,
    patient        TEXT   NOT NULL,
    granted_at     BIGINT NOT NULL,
    ended_at       BIGINT,                -- NULL while it is in force
    source_client  TEXT   NOT NULL,       -- the client's key in the ECD: the sync pulls only clients that somebody may see
    role           TEXT   NOT NULL,       -- 'client', 'contact' or 'representative'
    related        TEXT,                  -- the RelatedPerson of the account's owner; NULL for the client
    parts          BIGINT NOT NULL,       -- bits, see consent::Part
    PRIMARY KEY (tenant, account, patient, granted_at)
);
-- One right in force for each pair; also the access path of every token check.
CREATE UNIQUE INDEX consent_right_in_force ON consent_right (tenant, account, patient) WHERE ended_at IS NULL;
CREATE INDEX consent_right_source ON consent_right (tenant, source_client) WHERE ended_at IS NULL;

-- When care ended (departure or death), as a local date. The days of grace are policy and are added at each check, so a
-- corrected date or a stricter policy counts at the next request.
CREATE TABLE consent_care_end (
    tenant      TEXT   NOT NULL,
    patient     TEXT   NOT NULL,
    ended_on    TEXT   NOT NULL,          -- for example '2026-09-22'
    changed_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, patient)
);
