-- Instants are milliseconds since the Unix epoch, UTC.

CREATE TABLE tenant (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    name            TEXT    NOT NULL,
    -- Grows with each change of configuration; a running server takes the change over when it sees another number.
    revision        INTEGER NOT NULL DEFAULT 1,
    after_call_s    INTEGER NOT NULL DEFAULT 15,
    not_taken_limit INTEGER NOT NULL DEFAULT 2
) STRICT;
INSERT INTO tenant (id, name) VALUES (1, 'Linedesk');

CREATE TABLE users (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    username        TEXT    NOT NULL,
    -- Folded in Rust, so that both engines compare alike.
    username_folded TEXT    NOT NULL UNIQUE,
    display_name    TEXT    NOT NULL,
    role            TEXT    NOT NULL,
    -- PHC string, argon2id.
    password_hash   TEXT    NOT NULL,
    -- Of the last sign-in.
    fence           INTEGER NOT NULL DEFAULT 0,
    -- Chosen for after the call; empty when nothing is chosen.
    next_kind       TEXT,
    next_reason     INTEGER,
    next_chosen_ms  INTEGER
) STRICT;

CREATE TABLE sessions (
    id           TEXT    PRIMARY KEY,
    user_id      INTEGER NOT NULL REFERENCES users (id),
    -- SHA-256 of the token; the token itself is nowhere.
    token_hash   BLOB    NOT NULL UNIQUE,
    fence        INTEGER NOT NULL,
    machine_id   TEXT    NOT NULL,
    machine_name TEXT    NOT NULL,
    program      TEXT    NOT NULL,
    created_ms   INTEGER NOT NULL,
    seen_ms      INTEGER NOT NULL,
    ended_ms     INTEGER,
    -- SessionEndReason as JSON.
    ended_why    TEXT
) STRICT;
CREATE INDEX sessions_active_user ON sessions (user_id) WHERE ended_ms IS NULL;
CREATE INDEX sessions_active_machine ON sessions (machine_id) WHERE ended_ms IS NULL;

CREATE TABLE pbxs (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT    NOT NULL UNIQUE,
    host           TEXT    NOT NULL,
    port           INTEGER NOT NULL,
    -- To the manager interface.
    tls            INTEGER NOT NULL,
    username       TEXT    NOT NULL,
    secret         BLOB    NOT NULL,
    managed        INTEGER NOT NULL,
    sip_server     TEXT    NOT NULL,
    sip_port       INTEGER NOT NULL,
    sip_transport  TEXT    NOT NULL,
    sip_domain     TEXT    NOT NULL,
    sip_encryption TEXT    NOT NULL,
    tls_ca_pem     TEXT    NOT NULL
) STRICT;

CREATE TABLE phones (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER NOT NULL REFERENCES users (id),
    pbx_id       INTEGER NOT NULL REFERENCES pbxs (id),
    -- Endpoint on the PBX.
    number       TEXT    NOT NULL,
    sip_user     TEXT    NOT NULL,
    auth_user    TEXT    NOT NULL,
    secret       BLOB    NOT NULL,
    display_name TEXT    NOT NULL,
    UNIQUE (pbx_id, number)
) STRICT;

CREATE TABLE queues (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    pbx_id    INTEGER NOT NULL REFERENCES pbxs (id),
    pbx_queue TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    project   TEXT,
    greeting  TEXT,
    UNIQUE (pbx_id, pbx_queue)
) STRICT;

CREATE TABLE reasons (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    -- By which a file of `apply` finds it again.
    key       TEXT    NOT NULL UNIQUE,
    class     TEXT    NOT NULL,
    limit_min INTEGER,
    -- JSON: name by language.
    names     TEXT    NOT NULL
) STRICT;
INSERT INTO reasons (key, class, limit_min, names) VALUES
    ('lunch',     'rest',      30,   '{"en":"Lunch","ru":"Обед"}'),
    ('rest',      'rest',      15,   '{"en":"Short rest","ru":"Отдых"}'),
    ('office',    'work',      NULL, '{"en":"Back office","ru":"Работа с документами"}'),
    ('training',  'training',  NULL, '{"en":"Training","ru":"Обучение"}'),
    ('technical', 'technical', NULL, '{"en":"Technical problem","ru":"Техническая неполадка"}');

-- Who may join which queue, and the last wish.
CREATE TABLE members (
    queue_id        INTEGER NOT NULL REFERENCES queues (id),
    user_id         INTEGER NOT NULL REFERENCES users (id),
    interface       TEXT    NOT NULL,
    state_interface TEXT,
    member_name     TEXT    NOT NULL,
    penalty         INTEGER NOT NULL,
    fixed           INTEGER NOT NULL,
    joined          INTEGER NOT NULL,
    -- ChangedBy as JSON.
    changed_by      TEXT    NOT NULL,
    changed_ms      INTEGER NOT NULL,
    PRIMARY KEY (queue_id, user_id)
) STRICT;
CREATE UNIQUE INDEX members_interface ON members (queue_id, interface);

-- Append-only but for the end of the open one: figures of past days must stay true.
CREATE TABLE status_intervals (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES users (id),
    started_ms INTEGER NOT NULL,
    ended_ms   INTEGER,
    kind       TEXT    NOT NULL,
    reason_id  INTEGER REFERENCES reasons (id),
    -- Class of the reason as it was then.
    class      TEXT,
    until_ms   INTEGER,
    changed_by TEXT    NOT NULL,
    -- Session it came from, when it came from a workstation.
    session_id TEXT
) STRICT;
CREATE UNIQUE INDEX status_intervals_open ON status_intervals (user_id) WHERE ended_ms IS NULL;
CREATE INDEX status_intervals_time ON status_intervals (user_id, started_ms);

CREATE TABLE membership_intervals (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    queue_id     INTEGER NOT NULL REFERENCES queues (id),
    user_id      INTEGER NOT NULL REFERENCES users (id),
    started_ms   INTEGER NOT NULL,
    ended_ms     INTEGER,
    -- As the PBX had it.
    present      INTEGER NOT NULL,
    paused       INTEGER NOT NULL,
    pause_reason TEXT,
    cause        TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX membership_intervals_open ON membership_intervals (queue_id, user_id) WHERE ended_ms IS NULL;

CREATE TABLE idempotency_keys (
    user_id    INTEGER NOT NULL REFERENCES users (id),
    key        TEXT    NOT NULL,
    -- SHA-256 over method, path and body.
    body_hash  BLOB    NOT NULL,
    -- Empty while the command is being carried out.
    status     INTEGER,
    answer     BLOB,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT;
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_ms);
