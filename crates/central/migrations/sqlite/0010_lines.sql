-- How the PBXs of a house write numbers.
CREATE TABLE number_plans (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT    NOT NULL UNIQUE,
    -- JSON.
    plan TEXT    NOT NULL
) STRICT;

ALTER TABLE pbxs ADD COLUMN number_plan_id INTEGER REFERENCES number_plans (id);
-- The same number on both is one object.
ALTER TABLE pbxs ADD COLUMN mirror_of_id INTEGER REFERENCES pbxs (id);

-- Ways out of a PBX: to the outside, or to another PBX of the house.
CREATE TABLE lines (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    pbx_id     INTEGER NOT NULL REFERENCES pbxs (id),
    name       TEXT    NOT NULL,
    -- As the PBX names its channels, without what tells two of them apart; * is any signs.
    endpoint   TEXT    NOT NULL,
    -- Whose other end it is.
    to_pbx_id  INTEGER REFERENCES pbxs (id),
    -- Its rules in the number plan; absent: those of the line's name.
    trunk      TEXT,
    managed_by TEXT    NOT NULL,
    UNIQUE (pbx_id, name)
) STRICT;
