-- Who does a piece of work that only one replica may do. A lease is taken for a while and renewed; who comes after its end may
-- take it over. `token` rises with each new holder and every transaction of the work compares it: a holder that was paused past
-- its end and goes on finds another number there and can change nothing. The row stays when the work is done, so that no
-- number is ever given out twice. The times are those of the process that wrote them, never the database's.
CREATE TABLE lease (
    tenant      TEXT   NOT NULL,
    name        TEXT   NOT NULL,              -- 'sync/ons'
    token       BIGINT NOT NULL,
    holder      TEXT   NOT NULL,              -- for people: which machine and process
    taken_at    BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);
