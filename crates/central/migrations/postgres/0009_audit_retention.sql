-- Who did what that somebody may have to answer for. Only ever appended to, and trimmed at the old end. What was done to somebody
-- is told without his numbers and names.
CREATE TABLE audit (
    id    BIGINT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    who   TEXT COLLATE "C" NOT NULL,
    what  TEXT COLLATE "C" NOT NULL,
    -- JSON.
    about TEXT COLLATE "C" NOT NULL
);

-- How long what is kept.
ALTER TABLE tenant ADD COLUMN keep_calls_months BIGINT NOT NULL DEFAULT 36;
ALTER TABLE tenant ADD COLUMN keep_notes_months BIGINT NOT NULL DEFAULT 12;
ALTER TABLE tenant ADD COLUMN keep_audit_months BIGINT NOT NULL DEFAULT 36;
ALTER TABLE tenant ADD COLUMN keep_traces_days BIGINT NOT NULL DEFAULT 7;
ALTER TABLE tenant ADD COLUMN keep_events_days BIGINT NOT NULL DEFAULT 7;

-- What the clock said when age was last looked at, and from when on it is believed again after it jumped.
CREATE TABLE retention (
    id         BIGINT PRIMARY KEY CHECK (id = 1),
    seen_ms    BIGINT NOT NULL,
    believe_ms BIGINT NOT NULL
);
