-- What the last sync knew of each source record: which content it saw (hash over record and mapping), what became of it and
-- which resources it published. The same content needs no work; what is no longer published is withdrawn.
CREATE TABLE source_record (
    tenant     TEXT   NOT NULL,
    source     TEXT   NOT NULL,              -- 'ons'
    kind       TEXT   NOT NULL,              -- 'report'
    key        TEXT   NOT NULL,
    client     TEXT,                         -- the client's key in the source; none for an employee
    version    TEXT   NOT NULL,
    hash       BLOB   NOT NULL,
    outcome    TEXT   NOT NULL,              -- 'mapped', 'dropped'
    resources  TEXT   NOT NULL,              -- 'Observation/ab… DocumentReference/cd…'
    PRIMARY KEY (tenant, source, kind, key)
);
CREATE INDEX source_record_client ON source_record (tenant, source, client, kind);

-- Records that could not be read or mapped, until they can. No value of a record stands here.
CREATE TABLE quarantine (
    tenant     TEXT   NOT NULL,
    source     TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    key        TEXT   NOT NULL,
    pointer    TEXT   NOT NULL,
    reason     TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (tenant, source, kind, key)
);

-- Which clients have been loaded whole; another client needs a full pull first.
CREATE TABLE source_client (
    tenant     TEXT   NOT NULL,
    source     TEXT   NOT NULL,
    client     TEXT   NOT NULL,
    loaded_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, source, client)
);

-- Up to where a source was read without a gap, and how the last run ended.
CREATE TABLE sync_state (
    tenant     TEXT   NOT NULL,
    source     TEXT   NOT NULL,
    since      BIGINT,
    finished   BIGINT,
    report     TEXT   NOT NULL,
    PRIMARY KEY (tenant, source)
);
