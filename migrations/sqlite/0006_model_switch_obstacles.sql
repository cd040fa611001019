-- What keeps a model switch up, in full. migrations/postgres/0006_model_switch_obstacles.sql is the same text with PostgreSQL's type
-- names.

-- Carried out as soon as it is ready even where the new model tells the enrolled photos apart less well.
ALTER TABLE model_switches ADD COLUMN even_if_worse INTEGER NOT NULL DEFAULT FALSE;
-- How many photos could not be embedded in the last pass; `problems` names the first of them.
ALTER TABLE model_switches ADD COLUMN problem_count INTEGER NOT NULL DEFAULT 0;
-- Why it does not go on or is not carried out, where that is no photo's fault.
ALTER TABLE model_switches ADD COLUMN obstacle TEXT;
