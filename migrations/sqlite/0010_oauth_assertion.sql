-- An app with a key proves itself by a JWT that counts once. Its jti is remembered under the app until it has expired, so the
-- same one does not count on another replica either.
CREATE TABLE oauth_assertion (
    tenant     TEXT   NOT NULL,
    client_id  TEXT   NOT NULL,
    jti        BLOB   NOT NULL,                 -- SHA-256
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, client_id, jti)
);
CREATE INDEX oauth_assertion_expiry ON oauth_assertion (expires_at);
