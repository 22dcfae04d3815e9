-- What codes are counted by besides account and number, against toll fraud: the numbers that begin alike (a keyed hash of the
-- first seven digits) and the network of the login. And what a provider says became of a message.
ALTER TABLE login_challenge ADD COLUMN prefix_key BLOB;
ALTER TABLE login_challenge ADD COLUMN network TEXT;
CREATE INDEX login_challenge_prefix ON login_challenge (tenant, prefix_key, created_at);
CREATE INDEX login_challenge_network ON login_challenge (tenant, network, created_at);

ALTER TABLE outbox ADD COLUMN delivery TEXT;      -- 'delivered' or 'failed', when the provider reports
CREATE INDEX outbox_budget ON outbox (tenant, channel, created_at);
