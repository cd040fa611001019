-- Tasks that run in the background: what they are, when they run, what waits, and what happened.
-- migrations/postgres/0018_automation.sql is the same text with PostgreSQL's type names.

-- What is to be done.
CREATE TABLE tasks (
    id BLOB PRIMARY KEY,
    type TEXT NOT NULL CHECK (type IN ('import', 'cleanup', 'backup', 'report', 'integrity')),
    title TEXT NOT NULL,
    settings TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'processing', 'completed', 'failed', 'stopped')),
    -- Why an item failed last.
    last_error TEXT,
    -- Completed items whose rows have been removed from the queue.
    cleared_items INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- When the last item ended, or somebody stopped the task.
    finished_at INTEGER
) STRICT;

-- When a task runs.
CREATE TABLE task_schedules (
    id BLOB PRIMARY KEY,
    task_id BLOB NOT NULL REFERENCES tasks (id),
    kind TEXT NOT NULL CHECK (kind IN ('once', 'daily', 'weekly', 'monthly', 'cron')),
    -- Time, days, or expression, as the kind wants them.
    rule TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    missed TEXT NOT NULL CHECK (missed IN ('skip', 'run_once')),
    enabled INTEGER NOT NULL,
    -- The planned moment of the next run; NULL if none follows.
    next_at INTEGER,
    -- The planned moment of the last run that was queued.
    last_planned_at INTEGER,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX task_schedules_due ON task_schedules (next_at) WHERE enabled;
CREATE INDEX task_schedules_task ON task_schedules (task_id);

-- One row for each stage of each item of a task.
CREATE TABLE task_queue (
    id BLOB PRIMARY KEY,
    task_id BLOB NOT NULL REFERENCES tasks (id),
    -- That of the task.
    type TEXT NOT NULL,
    -- What it is about within its task: a photo, or the planned moment of a run; empty for the task as a whole.
    item TEXT NOT NULL,
    -- Items with a lower one come first.
    position INTEGER NOT NULL,
    stage TEXT NOT NULL CHECK (stage IN ('run', 'schedule', 'fetch', 'extract', 'embed', 'publish')),
    status TEXT NOT NULL CHECK (status IN ('waiting', 'processing', 'completed', 'failed')),
    -- Whether it is the newest row of its item; the others are history.
    is_current INTEGER NOT NULL,
    -- What the stage before found out.
    data TEXT NOT NULL,
    -- How often it was taken. Together with `locked_by` it tells whether a worker still has it.
    attempts INTEGER NOT NULL,
    -- How often it failed since it was queued.
    failures INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    -- The server that works on it, and until when it may.
    locked_by BLOB,
    locked_until INTEGER,
    error TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER
) STRICT;
-- An item is in one stage at a time.
CREATE UNIQUE INDEX task_queue_item ON task_queue (task_id, item) WHERE is_current;
CREATE INDEX task_queue_task ON task_queue (task_id, status);
CREATE INDEX task_queue_waiting ON task_queue (due_at, position, id) WHERE status = 'waiting';
CREATE INDEX task_queue_processing ON task_queue (locked_until) WHERE status = 'processing';
CREATE INDEX task_queue_completed ON task_queue (finished_at) WHERE status = 'completed';

-- What happened to tasks and items.
CREATE TABLE task_logs (
    id BLOB PRIMARY KEY,
    task_id BLOB NOT NULL REFERENCES tasks (id),
    item TEXT,
    -- The row of the queue, which may have been removed since.
    queue_id BLOB,
    stage TEXT,
    level TEXT NOT NULL CHECK (level IN ('info', 'warning', 'error')),
    action TEXT NOT NULL CHECK (action IN ('start', 'progress', 'complete', 'fail', 'retry', 'stop', 'skip')),
    message TEXT NOT NULL,
    -- Of a program that the task started.
    pid INTEGER,
    process_name TEXT,
    metadata TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX task_logs_task ON task_logs (task_id, id);
CREATE INDEX task_logs_stage ON task_logs (task_id, stage, id);

-- Stages and types of tasks whose jobs are not taken.
CREATE TABLE task_pauses (
    kind TEXT NOT NULL CHECK (kind IN ('stage', 'type')),
    name TEXT NOT NULL,
    paused_by TEXT NOT NULL,
    paused_at INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT;

-- The products that a task made, by their names in what was imported.
CREATE TABLE task_products (
    task_id BLOB NOT NULL REFERENCES tasks (id),
    name TEXT NOT NULL,
    product_id BLOB NOT NULL REFERENCES products (id),
    PRIMARY KEY (task_id, name)
) STRICT;
CREATE INDEX task_products_product ON task_products (product_id);

-- Work that one server at a time does.
CREATE TABLE scheduler_lock (
    lock_name TEXT PRIMARY KEY,
    locked_at INTEGER NOT NULL,
    locked_by BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
