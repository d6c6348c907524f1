-- For whom the house works.
CREATE TABLE projects (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    greeting   TEXT,
    script     TEXT,
    screen_pop TEXT,
    -- Of its customers, as in the tz database.
    zone       TEXT
) STRICT;

-- Queues named their project by a text.
INSERT INTO projects (name)
    SELECT DISTINCT project FROM queues WHERE project IS NOT NULL AND project <> '' ORDER BY project;
ALTER TABLE queues ADD COLUMN project_id INTEGER REFERENCES projects (id);
UPDATE queues SET project_id = (SELECT projects.id FROM projects WHERE projects.name = queues.project);
ALTER TABLE queues DROP COLUMN project;
ALTER TABLE queues ADD COLUMN managed_by TEXT NOT NULL DEFAULT 'pbx';

-- Numbers by which customers reach the house.
CREATE TABLE external_numbers (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    pbx_id     INTEGER NOT NULL REFERENCES pbxs (id),
    -- In E.164, or as the PBX sees it dialled.
    number     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    project_id INTEGER REFERENCES projects (id),
    -- Absent: those of the project.
    greeting   TEXT,
    script     TEXT,
    screen_pop TEXT,
    zone       TEXT,
    managed_by TEXT    NOT NULL,
    UNIQUE (pbx_id, number)
) STRICT;

CREATE TABLE user_groups (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT    NOT NULL UNIQUE,
    numbers TEXT    NOT NULL
) STRICT;

-- Append-only but for the end of the open one: figures of a past day are those of its people then.
CREATE TABLE group_members (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL REFERENCES user_groups (id),
    user_id  INTEGER NOT NULL REFERENCES users (id),
    from_ms  INTEGER NOT NULL,
    to_ms    INTEGER
) STRICT;
CREATE UNIQUE INDEX group_members_open ON group_members (group_id, user_id) WHERE to_ms IS NULL;
