-- Calls as they are told when they are over. Rows are only ever added: a call that is told anew gets the next revision, and the
-- rows of the one before are marked as no longer current. Reports read what is current.
--
-- Every table of a part of a call begins with the same key (started_ms, id, revision): the months of PostgreSQL are cut by
-- started_ms, and a day is read as one stretch. Places of parties, visits and talks within their call count from 0.

-- Which calls there are: the one place that knows an id without knowing when the call was.
CREATE TABLE call_revisions (
    id         BIGINT NOT NULL,
    -- From 1; the highest is current.
    revision   BIGINT NOT NULL,
    started_ms BIGINT NOT NULL,
    told_ms    BIGINT NOT NULL,
    -- Why it was told anew; empty for the first.
    why        TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id, revision)
);
CREATE INDEX call_revisions_age ON call_revisions (started_ms);

-- Ids under which a part of a call was shown while it went on.
CREATE TABLE call_absorbed (
    id      BIGINT PRIMARY KEY,
    -- The call that it is part of.
    into_id BIGINT NOT NULL
);
CREATE INDEX call_absorbed_into ON call_absorbed (into_id);

-- UTC days, counted from 1970, whose calls were added or changed. A day's calls are those that began on it.
CREATE TABLE call_days (
    day      BIGINT PRIMARY KEY,
    revision BIGINT NOT NULL
);

-- Months (counted from 1970, UTC) that have room: PostgreSQL has a partition of each table for each.
CREATE TABLE call_months (
    month BIGINT PRIMARY KEY
);

CREATE TABLE calls (
    started_ms     BIGINT NOT NULL,
    id             BIGINT NOT NULL,
    revision       BIGINT NOT NULL,
    current        BIGINT NOT NULL DEFAULT 1,
    direction      TEXT COLLATE "C" NOT NULL,
    originated     BIGINT NOT NULL,
    -- Party.
    caller         BIGINT NOT NULL,
    dialled        TEXT COLLATE "C",
    answered_ms    BIGINT,
    ended_ms       BIGINT,
    ended_by       TEXT COLLATE "C" NOT NULL,
    ended_by_party BIGINT,
    -- Q.850.
    cause          BIGINT,
    waited_ms      BIGINT NOT NULL,
    talked_ms      BIGINT NOT NULL,
    connected_ms   BIGINT NOT NULL,
    -- Whether any of it was.
    recorded       BIGINT NOT NULL,
    -- Two of its channels are one call by number and time only.
    probable       BIGINT NOT NULL,
    PRIMARY KEY (started_ms, id, revision)
) PARTITION BY RANGE (started_ms);

-- What no report asks by: the way through the dialplan, channels, joins. JSON. With rows of its own, since these are long.
CREATE TABLE call_documents (
    started_ms BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    document   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (started_ms, id, revision)
) PARTITION BY RANGE (started_ms);

CREATE TABLE call_parties (
    started_ms  BIGINT NOT NULL,
    id          BIGINT NOT NULL,
    revision    BIGINT NOT NULL,
    place       BIGINT NOT NULL,
    current     BIGINT NOT NULL DEFAULT 1,
    who         TEXT COLLATE "C" NOT NULL,
    pbx         BIGINT NOT NULL,
    endpoint    TEXT COLLATE "C" NOT NULL,
    -- Of a phone of the house. Of anybody else they stand in personal_data, and here is only whether there are such.
    number      TEXT COLLATE "C",
    name        TEXT COLLATE "C",
    personal_id BIGINT,
    PRIMARY KEY (started_ms, id, revision, place)
) PARTITION BY RANGE (started_ms);

-- SIP dialogs of parties.
CREATE TABLE call_dialogs (
    started_ms  BIGINT NOT NULL,
    id          BIGINT NOT NULL,
    revision    BIGINT NOT NULL,
    party       BIGINT NOT NULL,
    place       BIGINT NOT NULL,
    current     BIGINT NOT NULL DEFAULT 1,
    sip_call_id TEXT COLLATE "C" NOT NULL,
    -- CRC-32 of it, by which it is found: an index takes no text of any length.
    sip_hash    BIGINT NOT NULL,
    PRIMARY KEY (started_ms, id, revision, party, place)
) PARTITION BY RANGE (started_ms);
CREATE INDEX call_dialogs_hash ON call_dialogs (sip_hash, started_ms);

CREATE TABLE call_visits (
    started_ms  BIGINT NOT NULL,
    id          BIGINT NOT NULL,
    revision    BIGINT NOT NULL,
    place       BIGINT NOT NULL,
    current     BIGINT NOT NULL DEFAULT 1,
    -- Party.
    caller      BIGINT NOT NULL,
    pbx         BIGINT NOT NULL,
    queue       TEXT COLLATE "C" NOT NULL,
    entered_ms  BIGINT NOT NULL,
    left_ms     BIGINT,
    position    BIGINT NOT NULL,
    exit        TEXT COLLATE "C" NOT NULL,
    exit_key    TEXT COLLATE "C",
    -- Party.
    answered_by BIGINT,
    PRIMARY KEY (started_ms, id, revision, place)
) PARTITION BY RANGE (started_ms);

CREATE TABLE call_attempts (
    started_ms BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    place      BIGINT NOT NULL,
    current    BIGINT NOT NULL DEFAULT 1,
    visit      BIGINT,
    -- Parties.
    caller     BIGINT NOT NULL,
    party      BIGINT,
    -- Of the party, so that a report needs no join.
    pbx        BIGINT,
    endpoint   TEXT COLLATE "C",
    -- As it was dialled, without numbers of customers.
    interface  TEXT COLLATE "C" NOT NULL,
    member     TEXT COLLATE "C",
    began_ms   BIGINT NOT NULL,
    rang_ms    BIGINT,
    ended_ms   BIGINT,
    outcome    TEXT COLLATE "C" NOT NULL,
    -- Q.850.
    cause      BIGINT,
    back       BIGINT NOT NULL,
    back_from  BIGINT,
    PRIMARY KEY (started_ms, id, revision, place)
) PARTITION BY RANGE (started_ms);

-- One row for each party of a talk.
CREATE TABLE call_talks (
    started_ms BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    place      BIGINT NOT NULL,
    -- Place of the party within the talk.
    seat       BIGINT NOT NULL,
    current    BIGINT NOT NULL DEFAULT 1,
    party      BIGINT,
    pbx        BIGINT,
    endpoint   TEXT COLLATE "C",
    began_ms   BIGINT NOT NULL,
    ended_ms   BIGINT,
    -- While somebody of the talk was on hold; what overlaps counts once.
    held_ms    BIGINT NOT NULL,
    recorded   BIGINT NOT NULL,
    PRIMARY KEY (started_ms, id, revision, place, seat)
) PARTITION BY RANGE (started_ms);

CREATE TABLE call_holds (
    started_ms BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    talk       BIGINT NOT NULL,
    place      BIGINT NOT NULL,
    current    BIGINT NOT NULL DEFAULT 1,
    -- Who had held.
    party      BIGINT NOT NULL,
    began_ms   BIGINT NOT NULL,
    ended_ms   BIGINT,
    PRIMARY KEY (started_ms, id, revision, talk, place)
) PARTITION BY RANGE (started_ms);

CREATE TABLE call_moves (
    started_ms BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    place      BIGINT NOT NULL,
    current    BIGINT NOT NULL DEFAULT 1,
    kind       TEXT COLLATE "C" NOT NULL,
    at_ms      BIGINT NOT NULL,
    -- Parties: who moved whom to whom.
    party      BIGINT,
    moved      BIGINT,
    taken_by   BIGINT,
    number     TEXT COLLATE "C",
    success    BIGINT NOT NULL,
    PRIMARY KEY (started_ms, id, revision, place)
) PARTITION BY RANGE (started_ms);

-- Who listened to whom.
CREATE TABLE call_listens (
    started_ms BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    place      BIGINT NOT NULL,
    current    BIGINT NOT NULL DEFAULT 1,
    party      BIGINT NOT NULL,
    -- Uniqueid of the channel that was listened to.
    channel    TEXT COLLATE "C" NOT NULL,
    began_ms   BIGINT NOT NULL,
    ended_ms   BIGINT,
    PRIMARY KEY (started_ms, id, revision, place)
) PARTITION BY RANGE (started_ms);

-- Values of the attribute catalogue. A user event is one attribute with a row for each of its fields.
CREATE TABLE call_attributes (
    started_ms  BIGINT NOT NULL,
    id          BIGINT NOT NULL,
    revision    BIGINT NOT NULL,
    place       BIGINT NOT NULL,
    seat        BIGINT NOT NULL,
    current     BIGINT NOT NULL DEFAULT 1,
    -- Name in the catalogue.
    attribute   TEXT COLLATE "C" NOT NULL,
    -- Where it was read: a variable, or a user event and its field.
    source      TEXT COLLATE "C" NOT NULL,
    field       TEXT COLLATE "C",
    at_ms       BIGINT NOT NULL,
    party       BIGINT,
    -- Which visit, attempt or talk it is of, by the grain of the attribute.
    part        BIGINT,
    -- A personal value stands in personal_data.
    value       TEXT COLLATE "C",
    -- The value of a number, and of a yes or no (1, 0).
    number      DOUBLE PRECISION,
    personal_id BIGINT,
    PRIMARY KEY (started_ms, id, revision, place, seat)
) PARTITION BY RANGE (started_ms);
