-- A portal asks for a launch of an app before it opens it: for whom, and with which client in view. Used once.
CREATE TABLE oauth_launch (
    tenant     TEXT   NOT NULL,
    key        TEXT   NOT NULL,               -- SHA-256, hexadecimal
    client_id  TEXT   NOT NULL,               -- the app that may use it
    account    TEXT,                          -- the one person who may use it; NULL: whoever logs in
    patient    TEXT,
    context    TEXT   NOT NULL,               -- JSON: what the app gets beside its token
    expires_at BIGINT NOT NULL,
    used_at    BIGINT,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX oauth_launch_expiry ON oauth_launch (expires_at);

-- Authorization requests that apps pushed from behind (RFC 9126). Used once, by the approval and not by a look at the page.
CREATE TABLE oauth_pushed (
    tenant     TEXT   NOT NULL,
    key        TEXT   NOT NULL,               -- SHA-256, hexadecimal
    client_id  TEXT   NOT NULL,
    body       TEXT   NOT NULL,               -- the parameters as a form
    expires_at BIGINT NOT NULL,
    used_at    BIGINT,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX oauth_pushed_expiry ON oauth_pushed (expires_at);

-- What a launch says to the app goes with everything that comes from the approval.
ALTER TABLE oauth_grant ADD COLUMN context TEXT;

-- What an app demands of itself, as words: 'pushed'.
ALTER TABLE oauth_app ADD COLUMN demands TEXT NOT NULL DEFAULT '';
