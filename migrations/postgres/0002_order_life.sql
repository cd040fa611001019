-- The life of an order after its confirmation: payments, refunds and voids, receipts that were printed, daily closings;
-- tax and discounts as they were at the sale. migrations/sqlite/0002_order_life.sql is the same text with SQLite's type
-- names.

ALTER TABLE stores ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC';
-- Whether the prices of the store's products contain the tax (as on shelves in Europe and Korea) or it comes on top.
ALTER TABLE stores ADD COLUMN prices_include_tax BOOLEAN NOT NULL DEFAULT TRUE;

-- Basis points: 1900 is 19 %.
ALTER TABLE products ADD COLUMN tax_rate BIGINT NOT NULL DEFAULT 0 CHECK (tax_rate BETWEEN 0 AND 10000);

-- A discount is a rate (basis points) or an amount (minor units), with the reason that the clerk gave.
ALTER TABLE billing_items ADD COLUMN discount_rate BIGINT CHECK (discount_rate BETWEEN 1 AND 10000);
ALTER TABLE billing_items ADD COLUMN discount_amount BIGINT CHECK (discount_amount > 0);
ALTER TABLE billing_items ADD COLUMN discount_reason TEXT;
ALTER TABLE checkout_sessions ADD COLUMN discount_rate BIGINT CHECK (discount_rate BETWEEN 1 AND 10000);
ALTER TABLE checkout_sessions ADD COLUMN discount_amount BIGINT CHECK (discount_amount > 0);
ALTER TABLE checkout_sessions ADD COLUMN discount_reason TEXT;

-- What the seal is made of: orders from before this migration have 1 and keep it.
ALTER TABLE orders ADD COLUMN hash_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE orders ADD COLUMN prices_include_tax BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE orders ADD COLUMN discount_reason TEXT;
ALTER TABLE order_items ADD COLUMN discount BIGINT NOT NULL DEFAULT 0 CHECK (discount >= 0);
ALTER TABLE order_items ADD COLUMN discount_reason TEXT;
-- The line's share of the discount on the whole bill.
ALTER TABLE order_items ADD COLUMN bill_discount BIGINT NOT NULL DEFAULT 0 CHECK (bill_discount >= 0);
ALTER TABLE order_items ADD COLUMN tax_rate BIGINT NOT NULL DEFAULT 0;
ALTER TABLE order_items ADD COLUMN tax BIGINT NOT NULL DEFAULT 0 CHECK (tax >= 0);

-- Two more series. A CHECK cannot be widened on both databases with one text, so the table is made anew.
CREATE TABLE wider_number_series (
    store_id UUID NOT NULL REFERENCES stores (id),
    series TEXT NOT NULL CHECK (series IN ('order', 'refund', 'payment', 'closing')),
    last_number BIGINT NOT NULL CHECK (last_number >= 0),
    -- Hash of the record that carries `last_number`: the next record's hash begins with it.
    last_hash BYTEA NOT NULL,
    PRIMARY KEY (store_id, series)
);
INSERT INTO wider_number_series (store_id, series, last_number, last_hash)
    SELECT store_id, series, last_number, last_hash FROM number_series;
DROP TABLE number_series;
ALTER TABLE wider_number_series RENAME TO number_series;

-- Money that was taken for an order. Recorded here; a terminal or a provider moves it.
CREATE TABLE payments (
    id UUID PRIMARY KEY,
    store_id UUID NOT NULL REFERENCES stores (id),
    series TEXT NOT NULL CHECK (series = 'payment'),
    number BIGINT NOT NULL CHECK (number > 0),
    order_id UUID NOT NULL REFERENCES orders (id),
    method TEXT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    -- Cash that was handed over; the change is what it is more than `amount`.
    tendered BIGINT CHECK (tendered >= amount),
    currency TEXT NOT NULL,
    -- What the terminal or provider calls it.
    reference TEXT,
    made_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    previous_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    UNIQUE (store_id, series, number)
);
CREATE INDEX payments_order ON payments (order_id);

-- What takes turnover back: refunds of paid orders and voids of unpaid ones, in one series.
CREATE TABLE refunds (
    id UUID PRIMARY KEY,
    store_id UUID NOT NULL REFERENCES stores (id),
    series TEXT NOT NULL CHECK (series = 'refund'),
    number BIGINT NOT NULL CHECK (number > 0),
    kind TEXT NOT NULL CHECK (kind IN ('refund', 'void')),
    order_id UUID NOT NULL REFERENCES orders (id),
    amount BIGINT NOT NULL CHECK (amount >= 0),
    tax BIGINT NOT NULL CHECK (tax >= 0),
    currency TEXT NOT NULL,
    -- How the money was given back; a void gives none.
    method TEXT,
    reference TEXT,
    reason TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    previous_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    UNIQUE (store_id, series, number)
);
CREATE INDEX refunds_order ON refunds (order_id);
CREATE UNIQUE INDEX refunds_one_void ON refunds (order_id) WHERE kind = 'void';

CREATE TABLE refund_items (
    refund_id UUID NOT NULL REFERENCES refunds (id),
    -- The line of the order.
    line BIGINT NOT NULL,
    -- Pieces that came back; 0 where only money was given back.
    quantity BIGINT NOT NULL CHECK (quantity >= 0),
    amount BIGINT NOT NULL CHECK (amount >= 0),
    tax_rate BIGINT NOT NULL,
    tax BIGINT NOT NULL CHECK (tax >= 0),
    PRIMARY KEY (refund_id, line)
);

-- Every receipt that was put on paper; the second and later ones are copies.
CREATE TABLE receipt_prints (
    order_id UUID NOT NULL REFERENCES orders (id),
    print BIGINT NOT NULL CHECK (print > 0),
    printed_by TEXT NOT NULL,
    printed_at BIGINT NOT NULL,
    PRIMARY KEY (order_id, print)
);

-- Daily closings: each takes everything that its store recorded since the one before. Without records of a kind, its first
-- number is one more than its last.
CREATE TABLE z_reports (
    id UUID PRIMARY KEY,
    store_id UUID NOT NULL REFERENCES stores (id),
    series TEXT NOT NULL CHECK (series = 'closing'),
    number BIGINT NOT NULL CHECK (number > 0),
    time_zone TEXT NOT NULL,
    -- The day in that zone on which the closing was made: 2026-01-05.
    business_day TEXT NOT NULL,
    opened_at BIGINT,
    closed_at BIGINT NOT NULL,
    first_order BIGINT NOT NULL,
    last_order BIGINT NOT NULL,
    first_refund BIGINT NOT NULL,
    last_refund BIGINT NOT NULL,
    first_payment BIGINT NOT NULL,
    last_payment BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    previous_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    UNIQUE (store_id, series, number)
);

CREATE TABLE z_report_lines (
    report_id UUID NOT NULL REFERENCES z_reports (id),
    line BIGINT NOT NULL,
    section TEXT NOT NULL,
    currency TEXT NOT NULL,
    method TEXT,
    tax_rate BIGINT,
    records BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    tax BIGINT NOT NULL,
    PRIMARY KEY (report_id, line)
);

-- Where an order stands, derived from the records that are linked to it.
CREATE VIEW order_states AS
SELECT s.order_id, s.paid, s.refunded,
    CASE WHEN s.voids > 0 THEN 'voided'
        WHEN s.payments = 0 THEN 'confirmed'
        WHEN s.refunds = 0 THEN 'paid'
        WHEN s.refunded >= s.total THEN 'refunded'
        ELSE 'partly_refunded' END AS state
FROM (
    SELECT o.id AS order_id, o.total,
        (SELECT COUNT(*) FROM payments p WHERE p.order_id = o.id) AS payments,
        (SELECT CAST(COALESCE(SUM(p.amount), 0) AS BIGINT) FROM payments p WHERE p.order_id = o.id) AS paid,
        (SELECT COUNT(*) FROM refunds r WHERE r.order_id = o.id AND r.kind = 'void') AS voids,
        (SELECT COUNT(*) FROM refunds r WHERE r.order_id = o.id AND r.kind = 'refund') AS refunds,
        (SELECT CAST(COALESCE(SUM(r.amount), 0) AS BIGINT) FROM refunds r
            WHERE r.order_id = o.id AND r.kind = 'refund') AS refunded
    FROM orders o
) s;
