-- Removals that wait for an operator, because more vanished from a source at once than is plausible. They stay published until
-- somebody confirms or the source has them again; the source may have told of them only once, so they are kept here.
CREATE TABLE held_removal (
    tenant   TEXT   NOT NULL,
    source   TEXT   NOT NULL,
    kind     TEXT   NOT NULL,
    key      TEXT   NOT NULL,
    cause    TEXT   NOT NULL,                 -- 'absent', 'deleted', 'outside'
    held_at  BIGINT NOT NULL,
    PRIMARY KEY (tenant, source, kind, key)
);
