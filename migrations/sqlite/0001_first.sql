-- The tables of the first release. migrations/postgres/0001_first.sql is the same text with PostgreSQL's type names; a test
-- compares the two. Times are Unix microseconds, money is minor units, identifiers are UUID version 7 in 16 bytes.

CREATE TABLE stores (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id BLOB PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'clerk', 'admin')),
    store_id BLOB REFERENCES stores (id),
    disabled INTEGER NOT NULL,
    must_change_password INTEGER NOT NULL,
    -- Raised whenever every token of the account must end: password or role changed, account disabled.
    token_epoch INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE refresh_tokens (
    id BLOB PRIMARY KEY,
    family BLOB NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id),
    token_hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    rotated_at INTEGER,
    ended_at INTEGER
) STRICT;
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);

-- Failed logins, kept so that a restart does not forget them. `subject` is a salted hash of an account name or address.
CREATE TABLE login_failures (
    id BLOB PRIMARY KEY,
    subject BLOB NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX login_failures_subject ON login_failures (subject, at);

CREATE TABLE kiosks (
    id BLOB PRIMARY KEY,
    store_id BLOB NOT NULL REFERENCES stores (id),
    name TEXT NOT NULL,
    -- Hash of the one-time code until the device has enrolled; then gone.
    enrolment_hash BLOB UNIQUE,
    enrolment_expires_at INTEGER,
    key_hash BLOB UNIQUE,
    enrolled_at INTEGER,
    revoked_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX kiosks_store ON kiosks (store_id);

-- Prices are only ever added; a product points to the one in force.
CREATE TABLE product_prices (
    id BLOB PRIMARY KEY,
    product_id BLOB NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    currency TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX product_prices_product ON product_prices (product_id);

CREATE TABLE products (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    -- The name in lower case by Unicode's rules, to search in: the databases' own rules differ.
    name_folded TEXT NOT NULL,
    sku TEXT,
    barcode TEXT,
    description TEXT,
    price_id BLOB REFERENCES product_prices (id),
    active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- A removed product stays for the bills and orders that name it.
    removed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX products_sku ON products (sku) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX products_barcode ON products (barcode) WHERE removed_at IS NULL;

CREATE TABLE product_images (
    id BLOB PRIMARY KEY,
    product_id BLOB NOT NULL REFERENCES products (id),
    content_hash BLOB NOT NULL,
    media_type TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    -- The same photo twice under one product adds nothing to recognise it by.
    UNIQUE (product_id, content_hash)
) STRICT;
CREATE INDEX product_images_content ON product_images (content_hash);

CREATE TABLE embeddings (
    image_id BLOB NOT NULL REFERENCES product_images (id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (image_id, model)
) STRICT;

-- One row: the number of the newest catalog change. Updating it serialises writers, so that `seq` has no gaps and
-- becomes visible in order.
CREATE TABLE catalog_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL
) STRICT;
INSERT INTO catalog_head (id, seq) VALUES (1, 0);

CREATE TABLE catalog_changes (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('add', 'remove')),
    product_id BLOB NOT NULL,
    images TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE checkout_sessions (
    id BLOB PRIMARY KEY,
    store_id BLOB NOT NULL REFERENCES stores (id),
    kiosk_id BLOB REFERENCES kiosks (id),
    shopper_id BLOB REFERENCES users (id),
    status TEXT NOT NULL CHECK (status IN ('open', 'confirmed', 'cancelled')),
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_active_at INTEGER NOT NULL
) STRICT;

CREATE TABLE billing_items (
    id BLOB PRIMARY KEY,
    session_id BLOB NOT NULL REFERENCES checkout_sessions (id),
    product_id BLOB NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    -- What the shopper was shown when the item came on the bill, in the store's currency; absent while the product has
    -- no price in it.
    unit_price INTEGER,
    avg_score REAL,
    -- How many recognitions `avg_score` is the mean of.
    sightings INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (session_id, product_id)
) STRICT;

CREATE TABLE recognitions (
    id BLOB PRIMARY KEY,
    actor TEXT NOT NULL,
    session_id BLOB REFERENCES checkout_sessions (id),
    model TEXT NOT NULL,
    index_revision INTEGER NOT NULL,
    items TEXT NOT NULL,
    latency_us INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX recognitions_session ON recognitions (session_id);

CREATE TABLE number_series (
    store_id BLOB NOT NULL REFERENCES stores (id),
    series TEXT NOT NULL CHECK (series IN ('order', 'refund')),
    last_number INTEGER NOT NULL CHECK (last_number >= 0),
    -- Hash of the record that carries `last_number`: the next record's hash begins with it.
    last_hash BLOB NOT NULL,
    PRIMARY KEY (store_id, series)
) STRICT;

CREATE TABLE orders (
    id BLOB PRIMARY KEY,
    store_id BLOB NOT NULL REFERENCES stores (id),
    series TEXT NOT NULL CHECK (series = 'order'),
    number INTEGER NOT NULL CHECK (number > 0),
    session_id BLOB NOT NULL UNIQUE REFERENCES checkout_sessions (id),
    kiosk_id BLOB REFERENCES kiosks (id),
    total INTEGER NOT NULL CHECK (total >= 0),
    currency TEXT NOT NULL,
    claim_code TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    previous_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    UNIQUE (store_id, series, number)
) STRICT;

CREATE TABLE order_items (
    order_id BLOB NOT NULL REFERENCES orders (id),
    line INTEGER NOT NULL,
    product_id BLOB NOT NULL REFERENCES products (id),
    name TEXT NOT NULL,
    sku TEXT,
    barcode TEXT,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    unit_price INTEGER NOT NULL CHECK (unit_price >= 0),
    line_total INTEGER NOT NULL CHECK (line_total >= 0),
    avg_score REAL,
    PRIMARY KEY (order_id, line)
) STRICT;

-- Whose order it is. Apart from `orders`, because an order never changes and a receipt may be claimed later.
CREATE TABLE order_owners (
    order_id BLOB PRIMARY KEY REFERENCES orders (id),
    user_id BLOB NOT NULL REFERENCES users (id),
    since INTEGER NOT NULL
) STRICT;
CREATE INDEX order_owners_user ON order_owners (user_id, order_id);

CREATE TABLE idempotency_keys (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- One row: number and hash of the newest audit record, locked while the next one is written.
CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, x'');

CREATE TABLE audit_log (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL,
    address TEXT,
    hash BLOB NOT NULL
) STRICT;
