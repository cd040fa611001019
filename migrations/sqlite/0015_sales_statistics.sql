-- Sales by hour and day.

-- With everything that the sums need, so that they read no order.
CREATE INDEX orders_store_time ON orders (store_id, created_at, currency, total);
CREATE INDEX refunds_store_time ON refunds (store_id, created_at);
