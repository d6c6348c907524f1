-- How queues name the phones of a PBX; JSON.
ALTER TABLE pbxs ADD COLUMN member_template TEXT;

-- What was last seen at a PBX, for a person to confirm what of it is to be known; JSON.
CREATE TABLE observations (
    pbx_id INTEGER PRIMARY KEY REFERENCES pbxs (id),
    at_ms  INTEGER NOT NULL,
    body   TEXT    NOT NULL
) STRICT;
