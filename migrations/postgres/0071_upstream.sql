-- Who somebody is at an OpenID provider. Linked by the operator, never by a name or address that happens to be the same.
CREATE TABLE account_upstream (
    tenant     TEXT   NOT NULL,
    issuer     TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    account    TEXT   NOT NULL,
    linked_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, issuer, subject)
);
CREATE UNIQUE INDEX account_upstream_account ON account_upstream (tenant, issuer, account);

-- A login that went by way of the provider. `state` counts once and only in the browser that was sent away. What the provider
-- said of its level stays with the session that came of it.
CREATE TABLE login_upstream (
    tenant      TEXT   NOT NULL,
    flow        TEXT   NOT NULL,
    state       BYTEA,                         -- SHA-256; none once it was used
    browser     BYTEA  NOT NULL,               -- SHA-256 of the cookie
    account     TEXT,                          -- known after the way back
    acr         TEXT,
    session     TEXT,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, flow)
);
CREATE UNIQUE INDEX login_upstream_state ON login_upstream (tenant, state);
CREATE INDEX login_upstream_session ON login_upstream (tenant, session);
CREATE INDEX login_upstream_age ON login_upstream (created_at);
