-- Channels that a person has said are of different calls, each by its PBX and uniqueid. Calls that are told again heed it.
CREATE TABLE call_splits (
    one_pbx BIGINT NOT NULL,
    one     TEXT COLLATE "C" NOT NULL,
    two_pbx BIGINT NOT NULL,
    two     TEXT COLLATE "C" NOT NULL,
    at_ms   BIGINT NOT NULL,
    PRIMARY KEY (one_pbx, one, two_pbx, two)
);
