-- The account page tells when an app last renewed its access: the newest rotation among the refresh tokens of a grant. Three
-- months of rotations are kept, so they are found by their grant.
CREATE INDEX oauth_refresh_grant ON oauth_refresh (tenant, grant_id, rotated_at);
