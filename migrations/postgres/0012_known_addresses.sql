-- The addresses that accounts signed in from during the last 30 days, as keyed hashes.
CREATE TABLE known_addresses (
    account BYTEA NOT NULL,
    -- Of the account and the address together.
    address BYTEA NOT NULL,
    last_login_at BIGINT NOT NULL,
    PRIMARY KEY (account, address)
);
