-- The next free id of each kind. Reserved by compare-and-set, so that two never give out the same.
CREATE TABLE id_counters (
    kind    TEXT    PRIMARY KEY,
    next_id INTEGER NOT NULL
) STRICT;

-- Domain events on their way out, in the order of their ids, which have no gaps. Only ever appended to and trimmed at the
-- old end, so the key is the one index.
CREATE TABLE outbox (
    id    INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    kind  TEXT    NOT NULL,
    -- Of what: by this consumers keep events apart.
    key   TEXT    NOT NULL,
    -- JSON.
    body  TEXT    NOT NULL
) STRICT;
