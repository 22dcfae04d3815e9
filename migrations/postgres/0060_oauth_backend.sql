-- An app may keep its public keys at an address of its own instead of giving them at its registration.
ALTER TABLE oauth_app ADD COLUMN jwks_uri TEXT;

-- Access tokens of apps that act in their own name (client_credentials). Nobody approved anything, so no grant stands behind
-- them, and there is nothing to renew: each lives five minutes.
CREATE TABLE oauth_own_access (
    tenant     TEXT   NOT NULL,
    hash       BYTEA   NOT NULL,
    client_id  TEXT   NOT NULL,
    scope      TEXT   NOT NULL,
    issued_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, hash)
);
CREATE INDEX oauth_own_access_expiry ON oauth_own_access (expires_at);
