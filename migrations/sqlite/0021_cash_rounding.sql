-- What a store rounds cash to, in minor units. NULL: as its currency is rounded.
ALTER TABLE stores ADD COLUMN cash_rounding INTEGER CHECK (cash_rounding > 0);

-- What the cash that was taken or paid back is more than `amount`, or less; 0 for other methods.
ALTER TABLE payments ADD COLUMN rounding INTEGER NOT NULL DEFAULT 0;
ALTER TABLE refunds ADD COLUMN rounding INTEGER NOT NULL DEFAULT 0;
