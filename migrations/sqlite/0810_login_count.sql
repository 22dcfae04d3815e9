-- How many logins there were in each month, for the bill of the supplier: a number, and nothing about whose they were. Sessions are
-- forgotten after a while and audit lines name people, so neither can be counted for it later.
CREATE TABLE login_count (
    tenant TEXT   NOT NULL,
    month  TEXT   NOT NULL,   -- on the clock of the organisation: 2026-11
    logins BIGINT NOT NULL,
    PRIMARY KEY (tenant, month)
) WITHOUT ROWID;
