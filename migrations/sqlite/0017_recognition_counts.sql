-- Verdicts of recognition by quarter of an hour and store: every time zone's days begin at a quarter.
CREATE TABLE recognition_counts (
    store_id BLOB NOT NULL REFERENCES stores (id),
    -- When the quarter begins.
    quarter INTEGER NOT NULL,
    matched INTEGER NOT NULL,
    ambiguous INTEGER NOT NULL,
    unknown INTEGER NOT NULL,
    PRIMARY KEY (store_id, quarter)
) STRICT;
