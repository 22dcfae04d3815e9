-- Messages leave the gateway only after the transaction that asked for them is durable: a rolled-back login sends no code.
-- The body is sealed (AES-256-GCM), because it holds a telephone number and a one-time code.
CREATE TABLE outbox (
    id          TEXT   NOT NULL PRIMARY KEY,
    tenant      TEXT   NOT NULL,
    channel     TEXT   NOT NULL,              -- 'sms' or 'mail'
    sealed      BLOB   NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,              -- a code that is no longer valid is not sent
    not_before  BIGINT NOT NULL,
    attempts    BIGINT NOT NULL DEFAULT 0,
    state       TEXT   NOT NULL DEFAULT 'waiting'  -- 'waiting', 'sent', 'expired', 'failed'
);
CREATE INDEX outbox_waiting ON outbox (state, not_before);
