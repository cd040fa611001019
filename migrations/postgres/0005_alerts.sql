-- Performance of order creation in minutes, alerts and what is to be told of them. migrations/sqlite/0005_alerts.sql is the same
-- text with SQLite's type names.

-- What one server did for one store in one minute. It is written over, never added to: writing it twice harms nothing.
CREATE TABLE order_performance (
    -- The minute's beginning.
    minute BIGINT NOT NULL,
    -- All zeros where the attempt ended before its store was known: so it refers to no row.
    store_id UUID NOT NULL,
    -- One run of one server.
    server_id UUID NOT NULL,
    succeeded BIGINT NOT NULL,
    -- The bill had changed, was empty, could not be sold: the till's affair.
    refused BIGINT NOT NULL,
    -- The server or its database was at fault.
    failed BIGINT NOT NULL,
    -- Transactions that met another one over a number.
    conflicts BIGINT NOT NULL,
    retries_conflict BIGINT NOT NULL,
    retries_timeout BIGINT NOT NULL,
    retries_error BIGINT NOT NULL,
    -- Microseconds of every attempt: HdrHistogram's format V2.
    latencies BYTEA NOT NULL,
    PRIMARY KEY (minute, store_id, server_id)
);

-- One row for each time that something began to be wrong.
CREATE TABLE alerts (
    id UUID PRIMARY KEY,
    -- The rule and what it is about: at most one of a key is firing.
    key TEXT NOT NULL,
    rule TEXT NOT NULL,
    -- All zeros where no store can be named.
    store_id UUID NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('warning', 'critical')),
    state TEXT NOT NULL CHECK (state IN ('firing', 'resolved')),
    message TEXT NOT NULL,
    -- What was measured, and what it may be at most.
    value DOUBLE PRECISION NOT NULL,
    threshold DOUBLE PRECISION NOT NULL,
    fired_at BIGINT NOT NULL,
    -- When it was found to be so last.
    seen_at BIGINT NOT NULL,
    -- When the sinks were told of it first; NULL while it is within the cool-down of the one before.
    told_at BIGINT,
    acknowledged_at BIGINT,
    acknowledged_by TEXT,
    escalations BIGINT NOT NULL,
    escalated_at BIGINT,
    resolved_at BIGINT,
    resolved_by TEXT
);
CREATE UNIQUE INDEX alerts_firing ON alerts (key) WHERE state = 'firing';
CREATE INDEX alerts_key ON alerts (key, id);

-- What a sink is to be told. It is written together with what happened to the alert, so neither is without the other.
CREATE TABLE alert_deliveries (
    id UUID PRIMARY KEY,
    alert_id UUID NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    sink TEXT NOT NULL,
    event TEXT NOT NULL CHECK (event IN ('fired', 'escalated', 'resolved')),
    -- What is sent, as it is sent.
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts BIGINT NOT NULL,
    -- When it is to be tried next, or when the one who tries it now gives it up.
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    tried_at BIGINT,
    -- The status that the receiver answered last, where it answered.
    last_status BIGINT,
    last_error TEXT
);
CREATE INDEX alert_deliveries_due ON alert_deliveries (sink, state, due_at);
CREATE INDEX alert_deliveries_alert ON alert_deliveries (alert_id, sink, id);

-- When the rules are looked at next: whoever moves `due_at` first looks, of however many servers.
CREATE TABLE alert_schedule (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    due_at BIGINT NOT NULL
);
INSERT INTO alert_schedule (id, due_at) VALUES (1, 0);
