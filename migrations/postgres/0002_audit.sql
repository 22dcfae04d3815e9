-- Who saw or changed what. Lines are only ever added; nothing in the gateway updates or deletes one.
--
-- Each line carries the SHA-256 of itself and of the line before it, one chain a tenant, so that a line that was edited, removed
-- or slipped in shows at its place. `audit_head` holds the end of each chain: the row that every writer locks, which puts the
-- lines of several replicas in one order without gaps. A line about several clients is written once for each of them,
-- because the question that the index answers is "who looked at this client's dossier".
CREATE TABLE audit_line (
    tenant     TEXT   NOT NULL,
    seq        BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    action     TEXT   NOT NULL,
    outcome    TEXT   NOT NULL,   -- 'success', 'refused', 'failed'
    reason     TEXT,
    account    TEXT,
    client_id  TEXT,
    grant_id   TEXT,
    role       TEXT,
    type       TEXT,
    resource   TEXT,
    version    BIGINT,
    query      TEXT,              -- parameter names and coded values, never free text
    patient    TEXT,
    request    TEXT,
    network    TEXT,              -- cut to the network, for example 192.0.2.0/24
    hash       BYTEA  NOT NULL,
    PRIMARY KEY (tenant, seq)
);
CREATE INDEX audit_line_patient ON audit_line (tenant, patient, at);

CREATE TABLE audit_head (
    tenant TEXT   NOT NULL PRIMARY KEY,
    seq    BIGINT NOT NULL,
    hash   BYTEA  NOT NULL
);
