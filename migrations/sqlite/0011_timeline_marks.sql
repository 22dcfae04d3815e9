-- A search by code walks a client's timeline and looks at the marks of each row. With the marks, the end of the date and the
-- bits of what is there beside the key, it reads only the index, and the rows themselves only where they match.
DROP INDEX resource_timeline;
CREATE INDEX resource_timeline ON resource (tenant, patient, type, date_from, key, marks, date_until, present);
