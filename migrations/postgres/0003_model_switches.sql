-- Changes of the embedding model while the servers serve. The newest one that was carried out names the active model;
-- without any, the servers' settings do.
CREATE TABLE model_switches (
    id UUID PRIMARY KEY,
    -- Keys of embeddings, and the manifests' file names in the folder of models.
    from_model TEXT NOT NULL,
    from_manifest TEXT NOT NULL,
    to_model TEXT NOT NULL,
    to_manifest TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('embedding', 'ready', 'active', 'cancelled')),
    -- Begun and neither carried out nor cancelled: at most one.
    open BOOLEAN NOT NULL,
    -- Carried out as soon as it is ready.
    at_once BOOLEAN NOT NULL,
    -- Photos on sale, and those of them that the new model has not seen, when last counted.
    photos BIGINT NOT NULL,
    missing BIGINT NOT NULL,
    -- Photos that cannot be embedded, and why: a list of a few.
    problems JSONB NOT NULL,
    -- What both models made of photos that are enrolled.
    comparison JSONB,
    -- Counts the models that have been active: 1, 2, 3 …
    generation BIGINT UNIQUE,
    -- The server that embeds, and until when it has the work to itself.
    worker UUID,
    worker_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX model_switches_open ON model_switches (open) WHERE open;
