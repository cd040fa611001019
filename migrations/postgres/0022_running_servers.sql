-- The servers that run, and what all servers of one database must have in common.
CREATE TABLE running_servers (
    id UUID PRIMARY KEY,
    machine TEXT NOT NULL,
    pid BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    -- A keyed hash of the key that signs logins.
    token_key BYTEA NOT NULL,
    photo_folder UUID NOT NULL
);
