-- Minutes after midnight, in the store's time zone, at which its business days begin.
ALTER TABLE stores ADD COLUMN day_starts_min INTEGER NOT NULL DEFAULT 0 CHECK (day_starts_min BETWEEN 0 AND 720);
