-- What is known of a source between two runs: how old the published data is, and whether the source may be asked.
ALTER TABLE sync_state ADD COLUMN as_of BIGINT;       -- everything that the source had told by then is published
ALTER TABLE sync_state ADD COLUMN compared BIGINT;    -- everything was compared then
ALTER TABLE sync_state ADD COLUMN started BIGINT;     -- the last run began, whatever became of it
ALTER TABLE sync_state ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sync_state ADD COLUMN retry_at BIGINT;    -- no run of its own before then
ALTER TABLE sync_state ADD COLUMN problem TEXT;       -- why the last run failed; nothing of a record
ALTER TABLE sync_state ADD COLUMN skipped BIGINT NOT NULL DEFAULT 0;
