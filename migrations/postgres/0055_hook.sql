-- What a source said by webhook that changed. One row for each thing to read again, however often it is told, so that a burst
-- of events is a handful of rows. A row that was read stays for an hour: it remembers how often, so that a loop of events (one
-- that our own reading would set off) gets slower instead of faster. No value of a record stands here.
CREATE TABLE hook_job (
    tenant     TEXT   NOT NULL,
    source     TEXT   NOT NULL,              -- 'ons'
    kind       TEXT   NOT NULL,              -- 'report'
    what       TEXT   NOT NULL,              -- 'record', 'client', 'kind'
    key        TEXT   NOT NULL,              -- of the record or the client in the source; empty for 'kind'
    waiting    BIGINT NOT NULL,              -- 0 once it was read
    generation BIGINT NOT NULL,              -- counts the events: one that comes while it is read is not lost
    first_at   BIGINT NOT NULL,              -- the oldest event that waits
    due_at     BIGINT NOT NULL,
    attempts   BIGINT NOT NULL,              -- that failed, one after the other
    runs       BIGINT NOT NULL,              -- that succeeded
    ran_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant, source, kind, what, key)
);
CREATE INDEX hook_job_due ON hook_job (tenant, source, waiting, due_at);
