-- When a client is out of care: a row for each time, from departure or death to a return. One date was not enough: a return that
-- is planned opens access on its day and not before. The days of grace are policy and are added at each check, so a corrected
-- date or a stricter policy counts at the next request. consent_care_end is read no more and goes with a later release.
CREATE TABLE consent_gap (
    tenant      TEXT   NOT NULL,
    patient     TEXT   NOT NULL,
    last_day    TEXT   NOT NULL,          -- the last local day in care, for example '2026-09-22'
    back_on     TEXT,                     -- the local day on which care begins again; NULL as long as that is not known
    changed_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, patient, last_day)
);

INSERT INTO consent_gap (tenant, patient, last_day, back_on, changed_at)
SELECT tenant, patient, ended_on, NULL, changed_at FROM consent_care_end;
