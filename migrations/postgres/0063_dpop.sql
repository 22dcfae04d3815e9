-- A token can be bound to a key that its app holds (DPoP, RFC 9449): whoever shows the token shows a fresh signature of that key.
-- What is kept is the key's thumbprint (RFC 7638); NULL: whoever bears the token may use it.
ALTER TABLE oauth_code ADD COLUMN jkt TEXT;
ALTER TABLE oauth_access ADD COLUMN jkt TEXT;
ALTER TABLE oauth_refresh ADD COLUMN jkt TEXT;
ALTER TABLE oauth_own_access ADD COLUMN jkt TEXT;

-- Proofs that were shown, so that each counts once on all replicas together. A row lives as long as its proof could.
CREATE TABLE oauth_proof (
    tenant     TEXT   NOT NULL,
    hash       BYTEA   NOT NULL,               -- SHA-256 of key and jti
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, hash)
);
CREATE INDEX oauth_proof_expiry ON oauth_proof (expires_at);
