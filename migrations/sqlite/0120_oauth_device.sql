-- A device without a keyboard asks for a login that goes on in the browser of a telephone or computer (RFC 8628). Both codes are
-- kept as hashes; the short one, which people type, under a key that is not in the database. The request is the one that the
-- person answers, and a code that is typed again takes another.
CREATE TABLE oauth_device (
    tenant     TEXT   NOT NULL,
    key        TEXT   NOT NULL,               -- SHA-256 of the device code, hexadecimal
    user_key   TEXT   NOT NULL,               -- keyed hash of the user code, hexadecimal
    client_id  TEXT   NOT NULL,
    scope      TEXT   NOT NULL,
    request    TEXT,                          -- the authorization request; NULL: nobody typed the code yet
    state      TEXT   NOT NULL,               -- 'waiting', 'approved', 'denied' or 'used'
    grant_id   TEXT,                          -- what was approved
    pause      BIGINT NOT NULL,               -- seconds that the device waits between two questions
    polled_at  BIGINT,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, key)
);
CREATE UNIQUE INDEX oauth_device_user_key ON oauth_device (tenant, user_key);
CREATE INDEX oauth_device_app ON oauth_device (tenant, client_id, expires_at);
CREATE INDEX oauth_device_expiry ON oauth_device (expires_at);
