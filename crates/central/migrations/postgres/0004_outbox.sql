-- The next free id of each kind. Reserved by compare-and-set, so that two never give out the same.
CREATE TABLE id_counters (
    kind    TEXT COLLATE "C" PRIMARY KEY,
    next_id BIGINT NOT NULL
);

-- Domain events on their way out, in the order of their ids, which have no gaps. Only ever appended to and trimmed at the
-- old end, so the key is the one index.
CREATE TABLE outbox (
    id    BIGINT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    kind  TEXT COLLATE "C" NOT NULL,
    -- Of what: by this consumers keep events apart.
    key   TEXT COLLATE "C" NOT NULL,
    -- JSON.
    body  TEXT COLLATE "C" NOT NULL
);
