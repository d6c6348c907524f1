-- Calls as they are told when they are over. Rows are only ever added: a call that is told anew gets the next revision, and the
-- rows of the one before are marked as no longer current. Reports read what is current.
--
-- Every table of a part of a call begins with the same key (started_ms, id, revision): the months of PostgreSQL are cut by
-- started_ms, and a day is read as one stretch. Places of parties, visits and talks within their call count from 0.

-- Which calls there are: the one place that knows an id without knowing when the call was.
CREATE TABLE call_revisions (
    id         INTEGER NOT NULL,
    -- From 1; the highest is current.
    revision   INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    told_ms    INTEGER NOT NULL,
    -- Why it was told anew; empty for the first.
    why        TEXT    NOT NULL,
    PRIMARY KEY (id, revision)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_revisions_age ON call_revisions (started_ms);

-- Ids under which a part of a call was shown while it went on.
CREATE TABLE call_absorbed (
    id      INTEGER PRIMARY KEY,
    -- The call that it is part of.
    into_id INTEGER NOT NULL
) STRICT;
CREATE INDEX call_absorbed_into ON call_absorbed (into_id);

-- UTC days, counted from 1970, whose calls were added or changed. A day's calls are those that began on it.
CREATE TABLE call_days (
    day      INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL
) STRICT;

-- Months (counted from 1970, UTC) that have room: PostgreSQL has a partition of each table for each.
CREATE TABLE call_months (
    month INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE calls (
    started_ms     INTEGER NOT NULL,
    id             INTEGER NOT NULL,
    revision       INTEGER NOT NULL,
    current        INTEGER NOT NULL DEFAULT 1,
    direction      TEXT    NOT NULL,
    originated     INTEGER NOT NULL,
    -- Party.
    caller         INTEGER NOT NULL,
    dialled        TEXT,
    answered_ms    INTEGER,
    ended_ms       INTEGER,
    ended_by       TEXT    NOT NULL,
    ended_by_party INTEGER,
    -- Q.850.
    cause          INTEGER,
    waited_ms      INTEGER NOT NULL,
    talked_ms      INTEGER NOT NULL,
    connected_ms   INTEGER NOT NULL,
    -- Whether any of it was.
    recorded       INTEGER NOT NULL,
    -- Two of its channels are one call by number and time only.
    probable       INTEGER NOT NULL,
    PRIMARY KEY (started_ms, id, revision)
) STRICT, WITHOUT ROWID;

-- What no report asks by: the way through the dialplan, channels, joins. JSON. With rows of its own, since these are long.
CREATE TABLE call_documents (
    started_ms INTEGER NOT NULL,
    id         INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    document   TEXT    NOT NULL,
    PRIMARY KEY (started_ms, id, revision)
) STRICT;

CREATE TABLE call_parties (
    started_ms  INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    current     INTEGER NOT NULL DEFAULT 1,
    who         TEXT    NOT NULL,
    pbx         INTEGER NOT NULL,
    endpoint    TEXT    NOT NULL,
    -- Of a phone of the house. Of anybody else they stand in personal_data, and here is only whether there are such.
    number      TEXT,
    name        TEXT,
    personal_id INTEGER,
    PRIMARY KEY (started_ms, id, revision, place)
) STRICT, WITHOUT ROWID;

-- SIP dialogs of parties.
CREATE TABLE call_dialogs (
    started_ms  INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    party       INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    current     INTEGER NOT NULL DEFAULT 1,
    sip_call_id TEXT    NOT NULL,
    -- CRC-32 of it, by which it is found: an index takes no text of any length.
    sip_hash    INTEGER NOT NULL,
    PRIMARY KEY (started_ms, id, revision, party, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_dialogs_hash ON call_dialogs (sip_hash, started_ms);

CREATE TABLE call_visits (
    started_ms  INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    current     INTEGER NOT NULL DEFAULT 1,
    -- Party.
    caller      INTEGER NOT NULL,
    pbx         INTEGER NOT NULL,
    queue       TEXT    NOT NULL,
    entered_ms  INTEGER NOT NULL,
    left_ms     INTEGER,
    position    INTEGER NOT NULL,
    exit        TEXT    NOT NULL,
    exit_key    TEXT,
    -- Party.
    answered_by INTEGER,
    PRIMARY KEY (started_ms, id, revision, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE call_attempts (
    started_ms INTEGER NOT NULL,
    id         INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    place      INTEGER NOT NULL,
    current    INTEGER NOT NULL DEFAULT 1,
    visit      INTEGER,
    -- Parties.
    caller     INTEGER NOT NULL,
    party      INTEGER,
    -- Of the party, so that a report needs no join.
    pbx        INTEGER,
    endpoint   TEXT,
    -- As it was dialled, without numbers of customers.
    interface  TEXT    NOT NULL,
    member     TEXT,
    began_ms   INTEGER NOT NULL,
    rang_ms    INTEGER,
    ended_ms   INTEGER,
    outcome    TEXT    NOT NULL,
    -- Q.850.
    cause      INTEGER,
    back       INTEGER NOT NULL,
    back_from  INTEGER,
    PRIMARY KEY (started_ms, id, revision, place)
) STRICT, WITHOUT ROWID;

-- One row for each party of a talk.
CREATE TABLE call_talks (
    started_ms INTEGER NOT NULL,
    id         INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    place      INTEGER NOT NULL,
    -- Place of the party within the talk.
    seat       INTEGER NOT NULL,
    current    INTEGER NOT NULL DEFAULT 1,
    party      INTEGER,
    pbx        INTEGER,
    endpoint   TEXT,
    began_ms   INTEGER NOT NULL,
    ended_ms   INTEGER,
    -- While somebody of the talk was on hold; what overlaps counts once.
    held_ms    INTEGER NOT NULL,
    recorded   INTEGER NOT NULL,
    PRIMARY KEY (started_ms, id, revision, place, seat)
) STRICT, WITHOUT ROWID;

CREATE TABLE call_holds (
    started_ms INTEGER NOT NULL,
    id         INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    talk       INTEGER NOT NULL,
    place      INTEGER NOT NULL,
    current    INTEGER NOT NULL DEFAULT 1,
    -- Who had held.
    party      INTEGER NOT NULL,
    began_ms   INTEGER NOT NULL,
    ended_ms   INTEGER,
    PRIMARY KEY (started_ms, id, revision, talk, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE call_moves (
    started_ms INTEGER NOT NULL,
    id         INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    place      INTEGER NOT NULL,
    current    INTEGER NOT NULL DEFAULT 1,
    kind       TEXT    NOT NULL,
    at_ms      INTEGER NOT NULL,
    -- Parties: who moved whom to whom.
    party      INTEGER,
    moved      INTEGER,
    taken_by   INTEGER,
    number     TEXT,
    success    INTEGER NOT NULL,
    PRIMARY KEY (started_ms, id, revision, place)
) STRICT, WITHOUT ROWID;

-- Who listened to whom.
CREATE TABLE call_listens (
    started_ms INTEGER NOT NULL,
    id         INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    place      INTEGER NOT NULL,
    current    INTEGER NOT NULL DEFAULT 1,
    party      INTEGER NOT NULL,
    -- Uniqueid of the channel that was listened to.
    channel    TEXT    NOT NULL,
    began_ms   INTEGER NOT NULL,
    ended_ms   INTEGER,
    PRIMARY KEY (started_ms, id, revision, place)
) STRICT, WITHOUT ROWID;

-- Values of the attribute catalogue. A user event is one attribute with a row for each of its fields.
CREATE TABLE call_attributes (
    started_ms  INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    seat        INTEGER NOT NULL,
    current     INTEGER NOT NULL DEFAULT 1,
    -- Name in the catalogue.
    attribute   TEXT    NOT NULL,
    -- Where it was read: a variable, or a user event and its field.
    source      TEXT    NOT NULL,
    field       TEXT,
    at_ms       INTEGER NOT NULL,
    party       INTEGER,
    -- Which visit, attempt or talk it is of, by the grain of the attribute.
    part        INTEGER,
    -- A personal value stands in personal_data.
    value       TEXT,
    -- The value of a number, and of a yes or no (1, 0).
    number      REAL,
    personal_id INTEGER,
    PRIMARY KEY (started_ms, id, revision, place, seat)
) STRICT, WITHOUT ROWID;
