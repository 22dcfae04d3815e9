-- Who may log in. Telephone number and e-mail address are sealed; the number also stands as a keyed hash, so that its use can
-- be counted without being read. An account is closed, never deleted, as long as the audit refers to it.
CREATE TABLE account (
    tenant               TEXT   NOT NULL,
    id                   TEXT   NOT NULL,      -- UUID version 7
    username             TEXT   NOT NULL,      -- as it was given
    username_key         TEXT   NOT NULL,      -- in lower case and normalised: what a login looks for
    name                 TEXT   NOT NULL,      -- what the pages call the person
    state                TEXT   NOT NULL,      -- 'active', 'must-change-password', 'locked', 'closed'
    password             TEXT   NOT NULL,      -- argon2id, in PHC form
    password_expires_at  BIGINT,               -- an initial password lasts some days
    mobile               BYTEA  NOT NULL,
    mobile_hint          TEXT   NOT NULL,      -- '06-••••••78'
    mobile_key           BYTEA  NOT NULL,
    email                BYTEA,
    created_at           BIGINT NOT NULL,
    changed_at           BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX account_username ON account (tenant, username_key);

-- Passwords that may not come back.
CREATE TABLE account_old_password (
    tenant       TEXT   NOT NULL,
    account      TEXT   NOT NULL,
    replaced_at  BIGINT NOT NULL,
    password     TEXT   NOT NULL,
    PRIMARY KEY (tenant, account, replaced_at)
);

-- Failed tries, counted by what was tried (a keyed hash of the user name, known or not), by network and by account, in the
-- database so that a restart and a second replica change nothing.
CREATE TABLE account_attempt (
    tenant    TEXT   NOT NULL,
    bucket    TEXT   NOT NULL,
    failures  BIGINT NOT NULL,
    last_at   BIGINT NOT NULL,
    until     BIGINT NOT NULL,                 -- no further try before this moment
    PRIMARY KEY (tenant, bucket)
);
CREATE INDEX account_attempt_old ON account_attempt (last_at);
