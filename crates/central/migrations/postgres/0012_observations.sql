-- How queues name the phones of a PBX; JSON.
ALTER TABLE pbxs ADD COLUMN member_template TEXT COLLATE "C";

-- What was last seen at a PBX, for a person to confirm what of it is to be known; JSON.
CREATE TABLE observations (
    pbx_id BIGINT PRIMARY KEY REFERENCES pbxs (id),
    at_ms  BIGINT NOT NULL,
    body   TEXT COLLATE "C" NOT NULL
);
