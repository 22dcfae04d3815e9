-- Where a source stood when it was last read and published: for a source that hands over whole drops and must not go backwards.
CREATE TABLE source_mark (
    tenant     TEXT   NOT NULL,
    source     TEXT   NOT NULL,
    mark       TEXT   NOT NULL,              -- '2026-11-20T14:00:00Z 5e88…', what the connector wrote
    at         BIGINT NOT NULL,
    PRIMARY KEY (tenant, source)
);
