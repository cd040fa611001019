-- Performance of order creation in minutes, alerts and what is to be told of them. migrations/postgres/0005_alerts.sql is the
-- same text with PostgreSQL's type names.

-- What one server did for one store in one minute. It is written over, never added to: writing it twice harms nothing.
CREATE TABLE order_performance (
    -- The minute's beginning.
    minute INTEGER NOT NULL,
    -- All zeros where the attempt ended before its store was known: so it refers to no row.
    store_id BLOB NOT NULL,
    -- One run of one server.
    server_id BLOB NOT NULL,
    succeeded INTEGER NOT NULL,
    -- The bill had changed, was empty, could not be sold: the till's affair.
    refused INTEGER NOT NULL,
    -- The server or its database was at fault.
    failed INTEGER NOT NULL,
    -- Transactions that met another one over a number.
    conflicts INTEGER NOT NULL,
    retries_conflict INTEGER NOT NULL,
    retries_timeout INTEGER NOT NULL,
    retries_error INTEGER NOT NULL,
    -- Microseconds of every attempt: HdrHistogram's format V2.
    latencies BLOB NOT NULL,
    PRIMARY KEY (minute, store_id, server_id)
) STRICT;

-- One row for each time that something began to be wrong.
CREATE TABLE alerts (
    id BLOB PRIMARY KEY,
    -- The rule and what it is about: at most one of a key is firing.
    key TEXT NOT NULL,
    rule TEXT NOT NULL,
    -- All zeros where no store can be named.
    store_id BLOB NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('warning', 'critical')),
    state TEXT NOT NULL CHECK (state IN ('firing', 'resolved')),
    message TEXT NOT NULL,
    -- What was measured, and what it may be at most.
    value REAL NOT NULL,
    threshold REAL NOT NULL,
    fired_at INTEGER NOT NULL,
    -- When it was found to be so last.
    seen_at INTEGER NOT NULL,
    -- When the sinks were told of it first; NULL while it is within the cool-down of the one before.
    told_at INTEGER,
    acknowledged_at INTEGER,
    acknowledged_by TEXT,
    escalations INTEGER NOT NULL,
    escalated_at INTEGER,
    resolved_at INTEGER,
    resolved_by TEXT
) STRICT;
CREATE UNIQUE INDEX alerts_firing ON alerts (key) WHERE state = 'firing';
CREATE INDEX alerts_key ON alerts (key, id);

-- What a sink is to be told. It is written together with what happened to the alert, so neither is without the other.
CREATE TABLE alert_deliveries (
    id BLOB PRIMARY KEY,
    alert_id BLOB NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    sink TEXT NOT NULL,
    event TEXT NOT NULL CHECK (event IN ('fired', 'escalated', 'resolved')),
    -- What is sent, as it is sent.
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts INTEGER NOT NULL,
    -- When it is to be tried next, or when the one who tries it now gives it up.
    due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    tried_at INTEGER,
    -- The status that the receiver answered last, where it answered.
    last_status INTEGER,
    last_error TEXT
) STRICT;
CREATE INDEX alert_deliveries_due ON alert_deliveries (sink, state, due_at);
CREATE INDEX alert_deliveries_alert ON alert_deliveries (alert_id, sink, id);

-- When the rules are looked at next: whoever moves `due_at` first looks, of however many servers.
CREATE TABLE alert_schedule (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    due_at INTEGER NOT NULL
) STRICT;
INSERT INTO alert_schedule (id, due_at) VALUES (1, 0);
