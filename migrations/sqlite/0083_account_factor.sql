-- Factors besides the SMS code. The secret of an authenticator app is sealed; the newest time step that was used is kept, so
-- that a code works once. Recovery codes stand as keyed hashes.
CREATE TABLE account_totp (
    tenant        TEXT   NOT NULL,
    account       TEXT   NOT NULL,
    sealed        BLOB   NOT NULL,
    created_at    BIGINT NOT NULL,
    confirmed_at  BIGINT,                      -- NULL until the first right code
    last_step     BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, account)
);

CREATE TABLE account_recovery_code (
    tenant      TEXT   NOT NULL,
    account     TEXT   NOT NULL,
    code_mac    BLOB   NOT NULL,
    created_at  BIGINT NOT NULL,
    used_at     BIGINT,
    PRIMARY KEY (tenant, account, code_mac)
);

-- With what the second factor was shown ('sms', 'otp', 'recovery'), and when last: for acts that ask a fresh one.
ALTER TABLE login_flow ADD COLUMN method TEXT;
ALTER TABLE login_session ADD COLUMN method TEXT;
ALTER TABLE login_session ADD COLUMN second_at BIGINT;
