-- The tables of the first release. migrations/sqlite/0001_first.sql is the same text with SQLite's type names; a test
-- compares the two. Times are Unix microseconds, money is minor units, identifiers are UUID version 7.

CREATE TABLE stores (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    id UUID PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'clerk', 'admin')),
    store_id UUID REFERENCES stores (id),
    disabled BOOLEAN NOT NULL,
    must_change_password BOOLEAN NOT NULL,
    -- Raised whenever every token of the account must end: password or role changed, account disabled.
    token_epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE refresh_tokens (
    id UUID PRIMARY KEY,
    family UUID NOT NULL,
    user_id UUID NOT NULL REFERENCES users (id),
    token_hash BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    rotated_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);

-- Failed logins, kept so that a restart does not forget them. `subject` is a salted hash of an account name or address.
CREATE TABLE login_failures (
    id UUID PRIMARY KEY,
    subject BYTEA NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX login_failures_subject ON login_failures (subject, at);

CREATE TABLE kiosks (
    id UUID PRIMARY KEY,
    store_id UUID NOT NULL REFERENCES stores (id),
    name TEXT NOT NULL,
    -- Hash of the one-time code until the device has enrolled; then gone.
    enrolment_hash BYTEA UNIQUE,
    enrolment_expires_at BIGINT,
    key_hash BYTEA UNIQUE,
    enrolled_at BIGINT,
    revoked_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX kiosks_store ON kiosks (store_id);

-- Prices are only ever added; a product points to the one in force.
CREATE TABLE product_prices (
    id UUID PRIMARY KEY,
    product_id UUID NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    currency TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX product_prices_product ON product_prices (product_id);

CREATE TABLE products (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    -- The name in lower case by Unicode's rules, to search in: the databases' own rules differ.
    name_folded TEXT NOT NULL,
    sku TEXT,
    barcode TEXT,
    description TEXT,
    price_id UUID REFERENCES product_prices (id),
    active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- A removed product stays for the bills and orders that name it.
    removed_at BIGINT
);
CREATE UNIQUE INDEX products_sku ON products (sku) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX products_barcode ON products (barcode) WHERE removed_at IS NULL;

CREATE TABLE product_images (
    id UUID PRIMARY KEY,
    product_id UUID NOT NULL REFERENCES products (id),
    content_hash BYTEA NOT NULL,
    media_type TEXT NOT NULL,
    width BIGINT NOT NULL,
    height BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- The same photo twice under one product adds nothing to recognise it by.
    UNIQUE (product_id, content_hash)
);
CREATE INDEX product_images_content ON product_images (content_hash);

CREATE TABLE embeddings (
    image_id UUID NOT NULL REFERENCES product_images (id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    vector BYTEA NOT NULL,
    PRIMARY KEY (image_id, model)
);

-- One row: the number of the newest catalog change. Updating it serialises writers, so that `seq` has no gaps and
-- becomes visible in order.
CREATE TABLE catalog_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL
);
INSERT INTO catalog_head (id, seq) VALUES (1, 0);

CREATE TABLE catalog_changes (
    seq BIGINT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('add', 'remove')),
    product_id UUID NOT NULL,
    images JSONB NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE checkout_sessions (
    id UUID PRIMARY KEY,
    store_id UUID NOT NULL REFERENCES stores (id),
    kiosk_id UUID REFERENCES kiosks (id),
    shopper_id UUID REFERENCES users (id),
    status TEXT NOT NULL CHECK (status IN ('open', 'confirmed', 'cancelled')),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_active_at BIGINT NOT NULL
);

CREATE TABLE billing_items (
    id UUID PRIMARY KEY,
    session_id UUID NOT NULL REFERENCES checkout_sessions (id),
    product_id UUID NOT NULL REFERENCES products (id),
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    -- What the shopper was shown when the item came on the bill, in the store's currency; absent while the product has
    -- no price in it.
    unit_price BIGINT,
    avg_score DOUBLE PRECISION,
    -- How many recognitions `avg_score` is the mean of.
    sightings BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (session_id, product_id)
);

CREATE TABLE recognitions (
    id UUID PRIMARY KEY,
    actor TEXT NOT NULL,
    session_id UUID REFERENCES checkout_sessions (id),
    model TEXT NOT NULL,
    index_revision BIGINT NOT NULL,
    items JSONB NOT NULL,
    latency_us BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX recognitions_session ON recognitions (session_id);

CREATE TABLE number_series (
    store_id UUID NOT NULL REFERENCES stores (id),
    series TEXT NOT NULL CHECK (series IN ('order', 'refund')),
    last_number BIGINT NOT NULL CHECK (last_number >= 0),
    -- Hash of the record that carries `last_number`: the next record's hash begins with it.
    last_hash BYTEA NOT NULL,
    PRIMARY KEY (store_id, series)
);

CREATE TABLE orders (
    id UUID PRIMARY KEY,
    store_id UUID NOT NULL REFERENCES stores (id),
    series TEXT NOT NULL CHECK (series = 'order'),
    number BIGINT NOT NULL CHECK (number > 0),
    session_id UUID NOT NULL UNIQUE REFERENCES checkout_sessions (id),
    kiosk_id UUID REFERENCES kiosks (id),
    total BIGINT NOT NULL CHECK (total >= 0),
    currency TEXT NOT NULL,
    claim_code TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    previous_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    UNIQUE (store_id, series, number)
);

CREATE TABLE order_items (
    order_id UUID NOT NULL REFERENCES orders (id),
    line BIGINT NOT NULL,
    product_id UUID NOT NULL REFERENCES products (id),
    name TEXT NOT NULL,
    sku TEXT,
    barcode TEXT,
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    unit_price BIGINT NOT NULL CHECK (unit_price >= 0),
    line_total BIGINT NOT NULL CHECK (line_total >= 0),
    avg_score DOUBLE PRECISION,
    PRIMARY KEY (order_id, line)
);

-- Whose order it is. Apart from `orders`, because an order never changes and a receipt may be claimed later.
CREATE TABLE order_owners (
    order_id UUID PRIMARY KEY REFERENCES orders (id),
    user_id UUID NOT NULL REFERENCES users (id),
    since BIGINT NOT NULL
);
CREATE INDEX order_owners_user ON order_owners (user_id, order_id);

CREATE TABLE idempotency_keys (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash BYTEA NOT NULL,
    body JSONB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- One row: number and hash of the newest audit record, locked while the next one is written.
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');

CREATE TABLE audit_log (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    details JSONB NOT NULL,
    address TEXT,
    hash BYTEA NOT NULL
);
