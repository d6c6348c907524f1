-- Further ways to a PBX's manager interface, all connected at once. The first stands with the PBX itself.
CREATE TABLE pbx_links (
    pbx_id   BIGINT NOT NULL REFERENCES pbxs (id),
    -- From 1, in the order of the configuration.
    place    BIGINT NOT NULL,
    host     TEXT COLLATE "C" NOT NULL,
    port     BIGINT NOT NULL,
    tls      BIGINT NOT NULL,
    username TEXT COLLATE "C" NOT NULL,
    secret   BYTEA NOT NULL,
    PRIMARY KEY (pbx_id, place)
);
