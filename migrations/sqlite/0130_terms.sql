-- Who agreed to which version of the organisation's terms. A line stays when the account is closed: it shows what was agreed.
CREATE TABLE terms_accepted (
    tenant      TEXT   NOT NULL,
    account     TEXT   NOT NULL,
    version     TEXT   NOT NULL,              -- the local day from which it holds, and a hash of its texts
    accepted_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, account, version)
);
