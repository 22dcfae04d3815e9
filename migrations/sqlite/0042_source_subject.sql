-- Whose a record was. A source may move a record to another client, or give an old key to another client's new record; either way
-- what the first client's apps know under an id must never become something of another client. So a record that changes its
-- subject begins a new generation, and each generation has ids of its own.
ALTER TABLE source_record ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;

-- The last subject of a key that the source no longer has.
CREATE TABLE source_gone (
    tenant      TEXT   NOT NULL,
    source      TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    key         TEXT   NOT NULL,
    client      TEXT   NOT NULL,
    generation  BIGINT NOT NULL,
    PRIMARY KEY (tenant, source, kind, key)
);
