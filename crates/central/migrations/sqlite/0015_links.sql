-- Further ways to a PBX's manager interface, all connected at once. The first stands with the PBX itself.
CREATE TABLE pbx_links (
    pbx_id   INTEGER NOT NULL REFERENCES pbxs (id),
    -- From 1, in the order of the configuration.
    place    INTEGER NOT NULL,
    host     TEXT    NOT NULL,
    port     INTEGER NOT NULL,
    tls      INTEGER NOT NULL,
    username TEXT    NOT NULL,
    secret   BLOB    NOT NULL,
    PRIMARY KEY (pbx_id, place)
) STRICT;
