-- The authorization server: apps, signing keys, authorization requests, grants and what stands on a grant. Whatever an app or a
-- browser holds is kept as its SHA-256, so a copy of these tables opens nothing; private keys are sealed.
CREATE TABLE oauth_app (
    tenant        TEXT   NOT NULL,
    client_id     TEXT   NOT NULL,
    name          TEXT   NOT NULL,
    kind          TEXT   NOT NULL,             -- 'public', 'secret' or 'key'
    secret_hash   BYTEA,
    jwks          TEXT,
    redirect_uris TEXT   NOT NULL,             -- a JSON list
    scope         TEXT   NOT NULL,             -- the most it can get
    grants        TEXT   NOT NULL,             -- 'person' or 'backend'
    metadata      TEXT   NOT NULL,             -- the registration without the secret, RFC 7591
    created_at    BIGINT NOT NULL,
    disabled_at   BIGINT
);
CREATE UNIQUE INDEX oauth_app_id ON oauth_app (tenant, client_id);

-- Which pages may call the token endpoint and the FHIR API (CORS).
CREATE TABLE oauth_app_origin (
    tenant    TEXT NOT NULL,
    origin    TEXT NOT NULL,
    client_id TEXT NOT NULL,
    PRIMARY KEY (tenant, origin, client_id)
);

-- RSA keys for id tokens. A new key is published before it signs and stays published after it signed last, so no verifier that
-- caches the key set ever meets an unknown key. The ordinal lets two replicas that start at once agree on one first key.
CREATE TABLE oauth_key (
    tenant        TEXT   NOT NULL,
    ordinal       BIGINT NOT NULL,
    kid           TEXT   NOT NULL,
    sealed        BYTEA     NOT NULL,
    sign_from     BIGINT NOT NULL,
    publish_until BIGINT,
    PRIMARY KEY (tenant, ordinal)
);

-- What an app asked, checked, while the person goes through the login. Answered once.
CREATE TABLE oauth_request (
    tenant      TEXT   NOT NULL,
    id          TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    body        TEXT   NOT NULL,               -- JSON
    expires_at  BIGINT NOT NULL,
    answered_at BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX oauth_request_expiry ON oauth_request (expires_at);

-- One approval by one person for one app: the family of every token that comes from it.
CREATE TABLE oauth_grant (
    tenant       TEXT   NOT NULL,
    id           TEXT   NOT NULL,
    client_id    TEXT   NOT NULL,
    account      TEXT   NOT NULL,
    patient      TEXT,
    fhir_user    TEXT,                         -- 'Patient/id'
    scope        TEXT   NOT NULL,
    nonce        TEXT,
    auth_time    BIGINT NOT NULL,
    acr          TEXT   NOT NULL,
    amr          TEXT   NOT NULL,              -- separated by spaces
    session      TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,              -- absolute: no token outlives it
    revoked_at   BIGINT,
    revoked_why  TEXT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX oauth_grant_account ON oauth_grant (tenant, account);
CREATE INDEX oauth_grant_session ON oauth_grant (tenant, session);
CREATE INDEX oauth_grant_expiry ON oauth_grant (expires_at);

CREATE TABLE oauth_code (
    tenant       TEXT   NOT NULL,
    hash         BYTEA     NOT NULL,
    grant_id     TEXT   NOT NULL,
    client_id    TEXT   NOT NULL,
    redirect_uri TEXT   NOT NULL,
    challenge    TEXT   NOT NULL,              -- PKCE, S256
    expires_at   BIGINT NOT NULL,
    used_at      BIGINT,
    PRIMARY KEY (tenant, hash)
);
CREATE INDEX oauth_code_expiry ON oauth_code (expires_at);

CREATE TABLE oauth_access (
    tenant     TEXT   NOT NULL,
    hash       BYTEA     NOT NULL,
    grant_id   TEXT   NOT NULL,
    scope      TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, hash)
);
CREATE INDEX oauth_access_expiry ON oauth_access (expires_at);

-- Rotated at each use. A token that was rotated longer than a moment ago and comes back was stolen, here or there.
CREATE TABLE oauth_refresh (
    tenant     TEXT   NOT NULL,
    hash       BYTEA     NOT NULL,
    grant_id   TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    rotated_at BIGINT,
    PRIMARY KEY (tenant, hash)
);
CREATE INDEX oauth_refresh_expiry ON oauth_refresh (expires_at);
