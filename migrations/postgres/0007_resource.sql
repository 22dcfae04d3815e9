-- The current version of every resource, exactly as it is served. What a search can ask for stands in the same row: a search
-- walks the timeline of one client and looks at each row, so its cost is bounded by one dossier whatever is asked, and an
-- update replaces the index together with the body.
-- `patient` is '' for a type that belongs to no client (Practitioner).
-- The table is not partitioned: the unique index on (tenant, type, id) is what keeps a resource out of two dossiers at once,
-- and a partitioned table could not have it.
CREATE TABLE resource (
    key          BIGINT  PRIMARY KEY,         -- rises with every new resource: the tie-breaker of every order
    tenant       TEXT    NOT NULL,
    patient      TEXT    NOT NULL,
    type         TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    version      BIGINT  NOT NULL,
    updated      BIGINT  NOT NULL,            -- meta.lastUpdated
    present      BIGINT  NOT NULL,            -- a bit for each search parameter that has a value
    date_from    BIGINT  NOT NULL,            -- the date of the timeline as [from, until); the smallest number: none
    date_until   BIGINT  NOT NULL,
    date2_from   BIGINT  NOT NULL,            -- a second date
    date2_until  BIGINT  NOT NULL,
    marks        BYTEA   NOT NULL,            -- eight bytes for each way to ask for a code or reference in it
    hash         BYTEA   NOT NULL,            -- of the body as it was handed in: the same hash makes no new version
    body         TEXT    NOT NULL
);
CREATE UNIQUE INDEX resource_id ON resource (tenant, type, id);
CREATE INDEX resource_timeline ON resource (tenant, patient, type, date_from, key);

-- The versions that were replaced. A resource that moves to another client or is withdrawn leaves none behind.
CREATE TABLE resource_history (
    tenant   TEXT   NOT NULL,
    patient  TEXT   NOT NULL,
    type     TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    version  BIGINT NOT NULL,
    updated  BIGINT NOT NULL,
    present  BIGINT NOT NULL,
    marks    BYTEA  NOT NULL,
    body     TEXT   NOT NULL
);
CREATE UNIQUE INDEX resource_history_version ON resource_history (tenant, patient, type, id, version);

-- Which resource of which client refers to a shared one: only by such a reference does a client see a care worker.
CREATE TABLE resource_link (
    tenant       TEXT   NOT NULL,
    patient      TEXT   NOT NULL,
    target_type  TEXT   NOT NULL,
    target       TEXT   NOT NULL,             -- the id
    source       BIGINT NOT NULL,             -- resource.key
    source_type  TEXT   NOT NULL,
    PRIMARY KEY (tenant, patient, target_type, target, source)
);

-- What was withdrawn: no content, only that the id is taken and which version it had.
CREATE TABLE resource_gone (
    tenant   TEXT   NOT NULL,
    type     TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    patient  TEXT   NOT NULL,
    version  BIGINT NOT NULL,
    gone_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, type, id)
);

-- The keys of new resources.
CREATE SEQUENCE resource_key;
