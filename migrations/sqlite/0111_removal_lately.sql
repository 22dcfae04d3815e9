-- How many records of a kind were removed by webhooks, by the hour: a turn of them is small, so a source that forgets everything bit
-- by bit would pass under the bound of each single turn.
CREATE TABLE removal_lately (
    tenant   TEXT   NOT NULL,
    source   TEXT   NOT NULL,
    kind     TEXT   NOT NULL,
    hour     BIGINT NOT NULL,                 -- hours since the epoch
    count    BIGINT NOT NULL,
    PRIMARY KEY (tenant, source, kind, hour)
);
