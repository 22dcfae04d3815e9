-- A browser that somebody trusts after an SMS code, so that the next login there needs none. The cookie changes with each use;
-- a value that was used before and comes back was copied, and ends the device.
CREATE TABLE login_device (
    tenant      TEXT   NOT NULL,
    id          TEXT   NOT NULL,               -- not secret
    account     TEXT   NOT NULL,
    label       TEXT   NOT NULL,               -- kinds of browser and system, out of a closed list
    created_at  BIGINT NOT NULL,
    used_at     BIGINT NOT NULL,
    ended_at    BIGINT,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX login_device_account ON login_device (tenant, account, used_at);
CREATE INDEX login_device_age ON login_device (created_at);

CREATE TABLE login_device_value (
    tenant       TEXT   NOT NULL,
    value        BLOB   NOT NULL,               -- SHA-256 of the cookie
    device       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    replaced_at  BIGINT,
    PRIMARY KEY (tenant, value)
);
CREATE INDEX login_device_value_age ON login_device_value (created_at);

-- What vouched instead of a code: for the flow, and for the session that came of it.
ALTER TABLE login_flow ADD COLUMN device TEXT;
ALTER TABLE login_session ADD COLUMN device TEXT;
