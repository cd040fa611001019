-- A store and its first order, as the first release wrote them. The seal was reckoned apart from this program, from the
-- fields in the order in which the first release took them. sqlite.sql has the same rows.
INSERT INTO stores (id, name, currency, created_at)
    VALUES ('019b8f00-0000-7000-8000-000000000001', 'Old shop', 'EUR', 1767614400000000);
INSERT INTO checkout_sessions (id, store_id, status, version, created_at, last_active_at)
    VALUES ('019b8f00-0000-7000-8000-000000000002', '019b8f00-0000-7000-8000-000000000001', 'confirmed', 3,
        1767614400000000, 1767614400000000);
INSERT INTO products (id, name, name_folded, active, created_at, updated_at)
    VALUES ('019b8f00-0000-7000-8000-000000000003', 'Milk', 'milk', TRUE, 1767614400000000, 1767614400000000);
INSERT INTO orders (id, store_id, series, number, session_id, total, currency, claim_code, created_at, previous_hash, hash)
    VALUES ('019b8f00-0000-7000-8000-000000000004', '019b8f00-0000-7000-8000-000000000001', 'order', 1,
        '019b8f00-0000-7000-8000-000000000002', 258, 'EUR', '7K2M9-QX4TD-0H5VN-WB8CR', 1767614400000000,
        '\x0000000000000000000000000000000000000000000000000000000000000000',
        '\xae9b0b24ccceec5dd8cb8e568909b14038450004dde76a3d0f0be0ce1551bb6b');
INSERT INTO order_items (order_id, line, product_id, name, sku, quantity, unit_price, line_total, avg_score)
    VALUES ('019b8f00-0000-7000-8000-000000000004', 1, '019b8f00-0000-7000-8000-000000000003', 'Milk', 'M-1',
        2, 129, 258, 0.75);
INSERT INTO number_series (store_id, series, last_number, last_hash)
    VALUES ('019b8f00-0000-7000-8000-000000000001', 'order', 1,
        '\xae9b0b24ccceec5dd8cb8e568909b14038450004dde76a3d0f0be0ce1551bb6b');
