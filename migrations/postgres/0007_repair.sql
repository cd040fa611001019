-- What repairs of receipt numbers need: placeholders for numbers whose record is lost, and which stores may be renumbered.
-- migrations/sqlite/0007_repair.sql is the same text with SQLite's type names.

-- A number whose record is lost and that is void from now on. Written once and never changed; no record may carry it too.
CREATE TABLE void_placeholders (
    id UUID PRIMARY KEY,
    store_id UUID NOT NULL REFERENCES stores (id),
    series TEXT NOT NULL CHECK (series IN ('order', 'refund', 'payment', 'closing')),
    number BIGINT NOT NULL CHECK (number > 0),
    reason TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Seal over the fields. It is no link of the series' chain: the record after the gap names the seal of the lost one.
    hash BYTEA NOT NULL,
    UNIQUE (store_id, series, number)
);

-- The records of a fiscal store are never renumbered.
ALTER TABLE stores ADD COLUMN fiscal BOOLEAN NOT NULL DEFAULT TRUE;

-- Numbers that a placeholder stands for.
ALTER TABLE integrity_reports ADD COLUMN placeholders BIGINT NOT NULL DEFAULT 0;
