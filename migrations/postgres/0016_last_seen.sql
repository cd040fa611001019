-- When people, kiosks and products were last seen, and kiosks that an admin has closed.

-- Apart from their tables: it is written all day, and must not wait for whoever changes them.
CREATE TABLE last_seen (
    -- Of a user, a kiosk or a product.
    id UUID PRIMARY KEY,
    at BIGINT NOT NULL
);

-- NULL: open.
ALTER TABLE kiosks ADD COLUMN closed_at BIGINT;
