-- When somebody last came for a lease and was sent away. Work that takes a lease again and again, a turn at a time, looks at it
-- and stands back, so that who waits gets in.
ALTER TABLE lease ADD COLUMN wanted_at BIGINT NOT NULL DEFAULT 0;
