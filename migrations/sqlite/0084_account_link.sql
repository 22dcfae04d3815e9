-- A link that was mailed: to choose a password, or to confirm an address. The database has the hash of its secret; it works
-- once. A request for a name that does not exist leaves a row too ('' as the account), so that both take the same time.
CREATE TABLE account_link (
    tenant      TEXT   NOT NULL,
    hash        BLOB   NOT NULL,
    account     TEXT   NOT NULL,
    purpose     TEXT   NOT NULL,               -- 'reset', 'invite' or 'email'
    sealed      BLOB,                             -- the new address
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT,
    PRIMARY KEY (tenant, hash)
);
CREATE INDEX account_link_account ON account_link (tenant, account, purpose);
CREATE INDEX account_link_expiry ON account_link (expires_at);

-- A new mobile number waits here, sealed, until the code that was sent to it comes back.
CREATE TABLE account_new_mobile (
    tenant      TEXT   NOT NULL,
    account     TEXT   NOT NULL,
    session     TEXT   NOT NULL,
    sealed      BLOB   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, account)
);
