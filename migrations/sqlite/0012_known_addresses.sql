-- The addresses that accounts signed in from during the last 30 days, as keyed hashes.
CREATE TABLE known_addresses (
    account BLOB NOT NULL,
    -- Of the account and the address together.
    address BLOB NOT NULL,
    last_login_at INTEGER NOT NULL,
    PRIMARY KEY (account, address)
) STRICT;
