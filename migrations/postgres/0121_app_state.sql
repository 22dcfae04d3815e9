-- What apps keep between two launches (SMART App State): settings, keys of their own. Each app sees its own and nothing else. The
-- body is sealed, because it may be a key to something.
CREATE TABLE app_state (
    tenant     TEXT   NOT NULL,
    patient    TEXT   NOT NULL,               -- the client whom it is about; empty: about no client
    id         TEXT   NOT NULL,
    client_id  TEXT   NOT NULL,               -- the app
    subject    TEXT   NOT NULL,               -- Type/id; empty: it is of the app as a whole
    code       TEXT   NOT NULL,               -- system|code
    version    BIGINT NOT NULL,
    body       BYTEA  NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX app_state_subject ON app_state (tenant, client_id, subject, code, id);
