-- The servers that run, and what all servers of one database must have in common.
CREATE TABLE running_servers (
    id BLOB PRIMARY KEY,
    machine TEXT NOT NULL,
    pid INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    -- A keyed hash of the key that signs logins.
    token_key BLOB NOT NULL,
    photo_folder BLOB NOT NULL
) STRICT;
