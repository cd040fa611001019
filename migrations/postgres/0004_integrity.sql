-- What the checks of numbers and hash chains found, and when the next ones are due. migrations/sqlite/0004_integrity.sql is
-- the same text with SQLite's type names.

CREATE TABLE integrity_reports (
    id UUID PRIMARY KEY,
    -- All zeros in the report on lines whose record is gone, since no store can be named for them: so it refers to no row.
    store_id UUID NOT NULL,
    depth TEXT NOT NULL CHECK (depth IN ('quick', 'deep')),
    requested_by TEXT NOT NULL,
    -- 0 to 100; 100 is nothing found.
    health BIGINT NOT NULL CHECK (health BETWEEN 0 AND 100),
    -- Records that were looked at.
    records BIGINT NOT NULL,
    findings JSONB NOT NULL,
    started_at BIGINT NOT NULL,
    duration_us BIGINT NOT NULL
);
CREATE INDEX integrity_reports_store ON integrity_reports (store_id, depth, id);

-- One row for each depth: whoever moves `due_at` first makes the check, of however many servers.
CREATE TABLE integrity_schedule (
    depth TEXT PRIMARY KEY CHECK (depth IN ('quick', 'deep')),
    due_at BIGINT NOT NULL
);
INSERT INTO integrity_schedule (depth, due_at) VALUES ('quick', 0), ('deep', 0);
