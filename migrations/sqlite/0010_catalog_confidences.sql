-- What each model learned from the catalogue's photos: how likely the first product of a search is the right one.
-- A cache: without a row, it is learned anew.
CREATE TABLE catalog_confidences (
    -- Key of embeddings.
    model TEXT PRIMARY KEY,
    -- The change of the catalog that the index was at.
    index_revision INTEGER NOT NULL,
    content TEXT NOT NULL,
    learned_at INTEGER NOT NULL
) STRICT;
