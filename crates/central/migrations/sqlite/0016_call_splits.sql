-- Channels that a person has said are of different calls, each by its PBX and uniqueid. Calls that are told again heed it.
CREATE TABLE call_splits (
    one_pbx INTEGER NOT NULL,
    one     TEXT    NOT NULL,
    two_pbx INTEGER NOT NULL,
    two     TEXT    NOT NULL,
    at_ms   INTEGER NOT NULL,
    PRIMARY KEY (one_pbx, one, two_pbx, two)
) STRICT, WITHOUT ROWID;
