-- The way of one person through the login, on behalf of one app's request. Bound to the browser by the hash of its cookie, so
-- that a form from elsewhere is worth nothing, and to the request, so that two tabs do not mix.
CREATE TABLE login_flow (
    tenant       TEXT   NOT NULL,
    id           TEXT   NOT NULL,
    request      TEXT   NOT NULL,              -- the authorization request of the app
    client_id    TEXT   NOT NULL,
    browser      BYTEA  NOT NULL,              -- SHA-256 of the cookie
    account      TEXT,                         -- known after the password
    password_at  BIGINT,
    second_at    BIGINT,                       -- when the SMS code was right
    session      TEXT,                         -- the browser session that vouches for the person from then on
    patient      TEXT,                         -- the chosen client
    fresh        BIGINT NOT NULL,              -- 1: an older session does not count
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    done_at      BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX login_flow_of_browser ON login_flow (tenant, request, browser);
CREATE INDEX login_flow_browser ON login_flow (tenant, browser);
CREATE INDEX login_flow_expiry ON login_flow (expires_at);

-- One SMS code. Its secret part stands here only as a keyed hash; tries are counted in the statement that reads it.
CREATE TABLE login_challenge (
    tenant         TEXT   NOT NULL,
    id             TEXT   NOT NULL,
    flow           TEXT   NOT NULL,
    account        TEXT   NOT NULL,
    number_key     BYTEA  NOT NULL,
    reference      TEXT   NOT NULL,            -- four digits on the screen and in the message; not secret
    code_mac       BYTEA  NOT NULL,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    attempts       BIGINT NOT NULL DEFAULT 0,
    consumed_at    BIGINT,
    superseded_at  BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX login_challenge_flow ON login_challenge (tenant, flow, created_at);
CREATE INDEX login_challenge_account ON login_challenge (tenant, account, created_at);
CREATE INDEX login_challenge_number ON login_challenge (tenant, number_key, created_at);
CREATE INDEX login_challenge_age ON login_challenge (created_at);

-- A browser in which somebody is logged in.
CREATE TABLE login_session (
    tenant      TEXT   NOT NULL,
    id          TEXT   NOT NULL,               -- what grants refer to; not secret
    cookie      BYTEA  NOT NULL,               -- SHA-256 of the cookie
    account     TEXT   NOT NULL,
    started_at  BIGINT NOT NULL,               -- auth_time
    second      BIGINT NOT NULL,               -- 1: with the SMS code
    used_at     BIGINT NOT NULL,
    ended_at    BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX login_session_cookie ON login_session (tenant, cookie);
CREATE INDEX login_session_account ON login_session (tenant, account);
CREATE INDEX login_session_age ON login_session (started_at);

-- What somebody approved for an app, so that the same question is not asked twice.
CREATE TABLE login_approval (
    tenant      TEXT   NOT NULL,
    account     TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    patient     TEXT   NOT NULL,               -- '' without a client
    asked       TEXT   NOT NULL,
    granted     TEXT   NOT NULL,
    decided_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, account, client_id, patient)
);
