-- Batches that were committed, for some days: whose commit was interrupted looks here whether it counted.
CREATE TABLE batches (
    id    TEXT COLLATE "C" PRIMARY KEY,
    at_ms BIGINT NOT NULL
);
CREATE INDEX batches_age ON batches (at_ms);
