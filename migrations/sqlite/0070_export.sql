-- A bulk export: what an app asked for, and which files there are. The files themselves are not kept: they are read from the
-- resources when they are fetched, on whichever replica. So nothing has to be cleaned up but this row, and what was withdrawn
-- meanwhile is not handed out.
CREATE TABLE export_job (
    tenant     TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    client_id  TEXT   NOT NULL,
    scopes     TEXT   NOT NULL,             -- of the token that asked
    request    TEXT   NOT NULL,             -- the URL that was asked
    asked      TEXT   NOT NULL,             -- its parameters, read and checked
    state      TEXT   NOT NULL CHECK (state IN ('waiting', 'working', 'done', 'failed')),
    progress   TEXT   NOT NULL,             -- for people
    output     TEXT   NOT NULL,             -- [[type, count], …]
    started_at BIGINT NOT NULL,             -- transactionTime
    held_until BIGINT NOT NULL,             -- whoever works on it gave a sign of life until then
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX export_job_state ON export_job (state, started_at);
CREATE INDEX export_job_expiry ON export_job (expires_at);
