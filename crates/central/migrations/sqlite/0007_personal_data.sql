-- What is known of customers: the one place where their numbers, names and whatever else they gave stand. Calls refer to it by id,
-- so that to forget somebody is one operation and every figure stays. Texts of calls hold ‹id› where a number stood.
CREATE TABLE personal_data (
    id           INTEGER PRIMARY KEY,
    -- Whose. Several numbers may become one customer's.
    customer_id  INTEGER NOT NULL,
    -- By which numbers are compared: the digits, and the last seven of them, by which they are found however they begin. NULL:
    -- without a number, or forgotten.
    folded       TEXT,
    tail         TEXT,
    -- As they were told; empty where there was none.
    number       TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    -- A value of the attribute catalogue.
    attribute    TEXT    NOT NULL,
    value        TEXT    NOT NULL,
    -- SHA-256 over all of these, shortened: by which a row is found again. NULL: forgotten, since numbers can be guessed from it.
    fingerprint  BLOB    UNIQUE,
    -- UTC day, counted from 1970, of the last call that refers to it.
    last_day     INTEGER NOT NULL,
    forgotten_ms INTEGER
) STRICT;
CREATE INDEX personal_data_tail ON personal_data (tail);
CREATE INDEX personal_data_customer ON personal_data (customer_id);
CREATE INDEX personal_data_age ON personal_data (last_day);

-- Which calls refer to what.
CREATE TABLE call_personal (
    started_ms  INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    personal_id INTEGER NOT NULL,
    PRIMARY KEY (started_ms, id, revision, personal_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_personal_whose ON call_personal (personal_id, started_ms);
