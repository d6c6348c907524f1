-- What is known of customers: the one place where their numbers, names and whatever else they gave stand. Calls refer to it by id,
-- so that to forget somebody is one operation and every figure stays. Texts of calls hold ‹id› where a number stood.
CREATE TABLE personal_data (
    id           BIGINT PRIMARY KEY,
    -- Whose. Several numbers may become one customer's.
    customer_id  BIGINT NOT NULL,
    -- By which numbers are compared: the digits, and the last seven of them, by which they are found however they begin. NULL:
    -- without a number, or forgotten.
    folded       TEXT COLLATE "C",
    tail         TEXT COLLATE "C",
    -- As they were told; empty where there was none.
    number       TEXT COLLATE "C" NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    -- A value of the attribute catalogue.
    attribute    TEXT COLLATE "C" NOT NULL,
    value        TEXT COLLATE "C" NOT NULL,
    -- SHA-256 over all of these, shortened: by which a row is found again. NULL: forgotten, since numbers can be guessed from it.
    fingerprint  BYTEA UNIQUE,
    -- UTC day, counted from 1970, of the last call that refers to it.
    last_day     BIGINT NOT NULL,
    forgotten_ms BIGINT
);
CREATE INDEX personal_data_tail ON personal_data (tail);
CREATE INDEX personal_data_customer ON personal_data (customer_id);
CREATE INDEX personal_data_age ON personal_data (last_day);

-- Which calls refer to what.
CREATE TABLE call_personal (
    started_ms  BIGINT NOT NULL,
    id          BIGINT NOT NULL,
    revision    BIGINT NOT NULL,
    personal_id BIGINT NOT NULL,
    PRIMARY KEY (started_ms, id, revision, personal_id)
) PARTITION BY RANGE (started_ms);
CREATE INDEX call_personal_whose ON call_personal (personal_id, started_ms);
