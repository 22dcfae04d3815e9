-- When the number of an account was changed last; NULL: never since it was made. Who took over a phone number has a day in which the
-- owner hears of it and nothing in the rights of others can be changed.
ALTER TABLE account ADD COLUMN mobile_changed_at BIGINT;
