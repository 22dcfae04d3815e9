-- SQLite looks at the marks of a timeline in its index. PostgreSQL looks at the row in any case, to see whether the transaction may
-- see it, so a wider index would only be larger here.
SELECT 1;
