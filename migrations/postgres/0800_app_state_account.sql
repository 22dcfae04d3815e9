-- What an app keeps ends with whom it is of. A Person is not told apart by its id alone, so the account that wrote last stands
-- beside the state; the sweeper looks at it. The client was kept twice: the subject says the same.
ALTER TABLE app_state ADD COLUMN account TEXT NOT NULL DEFAULT '';   -- whose token wrote it last; empty: nobody's
UPDATE app_state SET account = COALESCE((
    SELECT MAX(g.account) FROM oauth_grant g
    WHERE g.tenant = app_state.tenant AND g.client_id = app_state.client_id AND g.fhir_user = app_state.subject
), '');
ALTER TABLE app_state DROP COLUMN patient;
