-- Apps that registered themselves (RFC 7591). What they say waits here until somebody of the organisation approves it; only then is
-- it in oauth_app. A change of an approved app waits too, and until then the app goes on as it was approved.
CREATE TABLE oauth_registration (
    tenant        TEXT   NOT NULL,
    client_id     TEXT   NOT NULL,
    manage_hash   BYTEA  NOT NULL,             -- SHA-256 of the registration access token (RFC 7592)
    secret_hash   BYTEA,                       -- of the app's secret, if it has one
    metadata      TEXT   NOT NULL,             -- the registration without secrets
    created_at    BIGINT NOT NULL,
    waiting_since BIGINT,                      -- NULL: approved as it stands
    approved_at   BIGINT,                      -- NULL: never approved
    PRIMARY KEY (tenant, client_id)
);
CREATE INDEX oauth_registration_waiting ON oauth_registration (tenant, waiting_since);

-- Where a browser may be sent after an app logged its person out (OpenID Connect RP-Initiated Logout), a JSON list.
ALTER TABLE oauth_app ADD COLUMN logout_uris TEXT NOT NULL DEFAULT '[]';
