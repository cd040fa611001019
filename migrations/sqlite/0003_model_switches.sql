-- Changes of the embedding model while the servers serve. The newest one that was carried out names the active model;
-- without any, the servers' settings do.
CREATE TABLE model_switches (
    id BLOB PRIMARY KEY,
    -- Keys of embeddings, and the manifests' file names in the folder of models.
    from_model TEXT NOT NULL,
    from_manifest TEXT NOT NULL,
    to_model TEXT NOT NULL,
    to_manifest TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('embedding', 'ready', 'active', 'cancelled')),
    -- Begun and neither carried out nor cancelled: at most one.
    open INTEGER NOT NULL,
    -- Carried out as soon as it is ready.
    at_once INTEGER NOT NULL,
    -- Photos on sale, and those of them that the new model has not seen, when last counted.
    photos INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    -- Photos that cannot be embedded, and why: a list of a few.
    problems TEXT NOT NULL,
    -- What both models made of photos that are enrolled.
    comparison TEXT,
    -- Counts the models that have been active: 1, 2, 3 …
    generation INTEGER UNIQUE,
    -- The server that embeds, and until when it has the work to itself.
    worker BLOB,
    worker_until INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX model_switches_open ON model_switches (open) WHERE open;
