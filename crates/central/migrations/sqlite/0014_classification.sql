-- What the places of a dialplan are, from when to when. Patterns: * for anything.
CREATE TABLE classification_rules (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    pbx_id        INTEGER NOT NULL REFERENCES pbxs (id),
    context       TEXT    NOT NULL,
    exten         TEXT    NOT NULL,
    trunk         TEXT    NOT NULL,
    channel       TEXT    NOT NULL,
    what          TEXT    NOT NULL,
    -- Own id of the queue or the external number; absent: the extension names it.
    what_id       INTEGER,
    -- Absent: always was so.
    valid_from_ms INTEGER,
    valid_to_ms   INTEGER
) STRICT;
CREATE INDEX classification_rules_places ON classification_rules (pbx_id, context, exten);

-- Seen, and no rule knows it: bounded, with examples.
CREATE TABLE classification_inbox (
    pbx_id   INTEGER NOT NULL REFERENCES pbxs (id),
    context  TEXT    NOT NULL,
    exten    TEXT    NOT NULL,
    times    INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    -- JSON; extensions may be customers' numbers.
    examples TEXT    NOT NULL,
    PRIMARY KEY (pbx_id, context, exten)
) STRICT;
-- Sightings for which there was no room.
ALTER TABLE tenant ADD COLUMN inbox_forgotten INTEGER NOT NULL DEFAULT 0;
