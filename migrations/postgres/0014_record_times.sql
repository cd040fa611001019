-- The time of the last record of each sequence: a clock that is set back must not date a record before the one before it.

-- When the record with the last number was made.
ALTER TABLE number_series ADD COLUMN last_at BIGINT NOT NULL DEFAULT 0;
UPDATE number_series SET last_at = CASE series
    WHEN 'order' THEN (SELECT COALESCE(MAX(o.created_at), 0) FROM orders o WHERE o.store_id = number_series.store_id)
    WHEN 'payment' THEN (SELECT COALESCE(MAX(p.created_at), 0) FROM payments p WHERE p.store_id = number_series.store_id)
    WHEN 'refund' THEN (SELECT COALESCE(MAX(r.created_at), 0) FROM refunds r WHERE r.store_id = number_series.store_id)
    ELSE (SELECT COALESCE(MAX(z.closed_at), 0) FROM z_reports z WHERE z.store_id = number_series.store_id) END;

-- When the last record of the audit log was written.
ALTER TABLE audit_head ADD COLUMN at BIGINT NOT NULL DEFAULT 0;
UPDATE audit_head SET at = (SELECT COALESCE(MAX(l.at), 0) FROM audit_log l);
