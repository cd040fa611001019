-- Jobs of the stage `run` are taken first, and must be found among those of a long import.
CREATE INDEX task_queue_run ON task_queue (due_at, position, id) WHERE status = 'waiting' AND stage = 'run';
