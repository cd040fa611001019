-- The dashboard and the page of tasks count the tasks with failed items; the history has many more rows.
CREATE INDEX task_queue_failed ON task_queue (task_id) WHERE status = 'failed';
