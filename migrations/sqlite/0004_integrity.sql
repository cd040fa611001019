-- What the checks of numbers and hash chains found, and when the next ones are due. migrations/postgres/0004_integrity.sql is
-- the same text with PostgreSQL's type names.

CREATE TABLE integrity_reports (
    id BLOB PRIMARY KEY,
    -- All zeros in the report on lines whose record is gone, since no store can be named for them: so it refers to no row.
    store_id BLOB NOT NULL,
    depth TEXT NOT NULL CHECK (depth IN ('quick', 'deep')),
    requested_by TEXT NOT NULL,
    -- 0 to 100; 100 is nothing found.
    health INTEGER NOT NULL CHECK (health BETWEEN 0 AND 100),
    -- Records that were looked at.
    records INTEGER NOT NULL,
    findings TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    duration_us INTEGER NOT NULL
) STRICT;
CREATE INDEX integrity_reports_store ON integrity_reports (store_id, depth, id);

-- One row for each depth: whoever moves `due_at` first makes the check, of however many servers.
CREATE TABLE integrity_schedule (
    depth TEXT PRIMARY KEY CHECK (depth IN ('quick', 'deep')),
    due_at INTEGER NOT NULL
) STRICT;
INSERT INTO integrity_schedule (depth, due_at) VALUES ('quick', 0), ('deep', 0);
