-- Batches that were committed, for some days: whose commit was interrupted looks here whether it counted.
CREATE TABLE batches (
    id    TEXT    PRIMARY KEY,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX batches_age ON batches (at_ms);
