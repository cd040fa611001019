-- Verdicts of recognition by quarter of an hour and store: every time zone's days begin at a quarter.
CREATE TABLE recognition_counts (
    store_id UUID NOT NULL REFERENCES stores (id),
    -- When the quarter begins.
    quarter BIGINT NOT NULL,
    matched BIGINT NOT NULL,
    ambiguous BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    PRIMARY KEY (store_id, quarter)
);
