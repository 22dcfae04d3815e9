-- What reading a source has cost on each local day: a product admits so much request time a day for a certificate, over all
-- runs and restarts.
CREATE TABLE source_cost (
    tenant       TEXT   NOT NULL,
    source       TEXT   NOT NULL,            -- 'ons'
    day          TEXT   NOT NULL,            -- '2026-11-22', in the tenant's zone
    requests     BIGINT NOT NULL,
    milliseconds BIGINT NOT NULL,
    PRIMARY KEY (tenant, source, day)
);
