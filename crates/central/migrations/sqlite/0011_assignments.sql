-- A phone may be nobody's, and one whose password is not known here is only told of.
CREATE TABLE phones_new (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER REFERENCES users (id),
    pbx_id       INTEGER NOT NULL REFERENCES pbxs (id),
    -- Endpoint on the PBX.
    number       TEXT    NOT NULL,
    sip_user     TEXT    NOT NULL,
    auth_user    TEXT    NOT NULL,
    secret       BLOB,
    display_name TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    managed_by   TEXT    NOT NULL,
    UNIQUE (pbx_id, number)
) STRICT;
INSERT INTO phones_new (id, user_id, pbx_id, number, sip_user, auth_user, secret, display_name, kind, managed_by)
    SELECT id, user_id, pbx_id, number, sip_user, auth_user, secret, display_name, 'softphone', 'pbx' FROM phones;
DROP TABLE phones;
ALTER TABLE phones_new RENAME TO phones;

-- Who held which phone: a call belongs to whoever held its phone then. Append-only but for the end of the open one.
CREATE TABLE assignments (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    phone_id   INTEGER NOT NULL REFERENCES phones (id),
    user_id    INTEGER NOT NULL REFERENCES users (id),
    from_ms    INTEGER NOT NULL,
    to_ms      INTEGER,
    why        TEXT    NOT NULL,
    -- Session by which a seat's phone was taken.
    session_id TEXT
) STRICT;
CREATE UNIQUE INDEX assignments_open ON assignments (phone_id) WHERE to_ms IS NULL;
CREATE INDEX assignments_time ON assignments (phone_id, from_ms);
CREATE INDEX assignments_end ON assignments (to_ms);
-- Nobody wrote down since when.
INSERT INTO assignments (phone_id, user_id, from_ms, why)
    SELECT id, user_id, 0, 'configuration' FROM phones WHERE user_id IS NOT NULL;

-- What figures depend on, from when on: a past figure uses what was valid then.
CREATE TABLE settings (
    name          TEXT    NOT NULL,
    -- tenant, queue, group, user; and its id, of the tenant 0.
    scope         TEXT    NOT NULL,
    scope_id      INTEGER NOT NULL,
    valid_from_ms INTEGER NOT NULL,
    -- JSON.
    value         TEXT    NOT NULL,
    PRIMARY KEY (name, scope, scope_id, valid_from_ms)
) STRICT;
-- What was always so is written down, that another default in a later program changes no past figure.
INSERT INTO settings (name, scope, scope_id, valid_from_ms, value) VALUES
    ('service-level-s', 'tenant', 0, 0, '20'),
    ('service-level-percent', 'tenant', 0, 0, '80'),
    ('short-call-s', 'tenant', 0, 0, '5');
