-- What a bill shows and what a receipt prints is kept with them, so that a later change of the store or of a product changes
-- neither.

-- What a receipt says of the seller besides the name.
ALTER TABLE stores ADD COLUMN address TEXT;
ALTER TABLE stores ADD COLUMN tax_number TEXT;

-- As the store had it when the session was opened.
ALTER TABLE checkout_sessions ADD COLUMN prices_include_tax BOOLEAN NOT NULL DEFAULT TRUE;
UPDATE checkout_sessions SET prices_include_tax =
    (SELECT t.prices_include_tax FROM stores t WHERE t.id = checkout_sessions.store_id);
CREATE INDEX checkout_sessions_open ON checkout_sessions (id) WHERE status = 'open';

-- As the product had them when it was put on the bill.
ALTER TABLE billing_items ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE billing_items ADD COLUMN sku TEXT;
ALTER TABLE billing_items ADD COLUMN barcode TEXT;
ALTER TABLE billing_items ADD COLUMN tax_rate BIGINT NOT NULL DEFAULT 0;
UPDATE billing_items SET
    name = (SELECT p.name FROM products p WHERE p.id = billing_items.product_id),
    sku = (SELECT p.sku FROM products p WHERE p.id = billing_items.product_id),
    barcode = (SELECT p.barcode FROM products p WHERE p.id = billing_items.product_id),
    tax_rate = (SELECT p.tax_rate FROM products p WHERE p.id = billing_items.product_id);

-- Changes of the catalog that changed what an open bill shows, each with the version that it raised the session to.
CREATE TABLE bill_revisions (
    session_id UUID NOT NULL REFERENCES checkout_sessions (id),
    version BIGINT NOT NULL,
    product_name TEXT NOT NULL,
    field TEXT NOT NULL CHECK (field IN ('price', 'on_sale')),
    old_value TEXT NOT NULL,
    new_value TEXT NOT NULL,
    PRIMARY KEY (session_id, version)
);

-- The seller as the receipt prints it. NULL: unknown, since the order was made before this was kept.
ALTER TABLE orders ADD COLUMN store_name TEXT;
ALTER TABLE orders ADD COLUMN store_address TEXT;
ALTER TABLE orders ADD COLUMN store_tax_number TEXT;
ALTER TABLE orders ADD COLUMN time_zone TEXT;

ALTER TABLE z_reports ADD COLUMN store_name TEXT;
ALTER TABLE z_reports ADD COLUMN store_address TEXT;
ALTER TABLE z_reports ADD COLUMN store_tax_number TEXT;
-- Which fields the seal covers.
ALTER TABLE z_reports ADD COLUMN hash_version BIGINT NOT NULL DEFAULT 1;
