-- Who did what that somebody may have to answer for. Only ever appended to, and trimmed at the old end. What was done to somebody
-- is told without his numbers and names.
CREATE TABLE audit (
    id    INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    who   TEXT    NOT NULL,
    what  TEXT    NOT NULL,
    -- JSON.
    about TEXT    NOT NULL
) STRICT;

-- How long what is kept.
ALTER TABLE tenant ADD COLUMN keep_calls_months INTEGER NOT NULL DEFAULT 36;
ALTER TABLE tenant ADD COLUMN keep_notes_months INTEGER NOT NULL DEFAULT 12;
ALTER TABLE tenant ADD COLUMN keep_audit_months INTEGER NOT NULL DEFAULT 36;
ALTER TABLE tenant ADD COLUMN keep_traces_days INTEGER NOT NULL DEFAULT 7;
ALTER TABLE tenant ADD COLUMN keep_events_days INTEGER NOT NULL DEFAULT 7;

-- What the clock said when age was last looked at, and from when on it is believed again after it jumped.
CREATE TABLE retention (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    seen_ms    INTEGER NOT NULL,
    believe_ms INTEGER NOT NULL
) STRICT;
