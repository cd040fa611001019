-- The bills that a shopper joined, for the deletion of an account.
CREATE INDEX checkout_sessions_shopper ON checkout_sessions (shopper_id) WHERE shopper_id IS NOT NULL;
