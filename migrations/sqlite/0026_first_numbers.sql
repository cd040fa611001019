-- The number of a series' first record: 1, unless the shop goes on with the numbers of another till.
ALTER TABLE number_series ADD COLUMN first_number INTEGER NOT NULL DEFAULT 1 CHECK (first_number > 0);
