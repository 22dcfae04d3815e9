-- By which rules the records of a source were decided on when all of it was last read: a hash over the maps and the tenant's
-- report types. Where they changed since, the next run reads everything, so that a type that is no longer published goes.
ALTER TABLE sync_state ADD COLUMN rules TEXT NOT NULL DEFAULT '';
