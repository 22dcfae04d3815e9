-- A tenant has keys for several algorithms, and an app may say which one signs its id tokens. The ordinal stays one row of numbers
-- over all of them.
ALTER TABLE oauth_key ADD COLUMN alg TEXT NOT NULL DEFAULT 'RS256';
-- In microseconds, like every time; 0: before it was kept.
ALTER TABLE oauth_key ADD COLUMN made_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE oauth_app ADD COLUMN id_token_alg TEXT;
