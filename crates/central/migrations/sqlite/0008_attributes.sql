-- What is kept of a call besides what every call has: variables, user events, headers, fields of forms.
CREATE TABLE attributes (
    -- By which a file of `apply` and a report find it.
    name           TEXT    PRIMARY KEY,
    -- JSON: title by language.
    titles         TEXT    NOT NULL,
    -- 'text', 'number', 'boolean' or 'choice'.
    kind           TEXT    NOT NULL,
    -- JSON: the values of a choice.
    choices        TEXT    NOT NULL,
    -- 'call', 'visit', 'attempt' or 'segment'.
    grain          TEXT    NOT NULL,
    -- 'variable NAME', 'user-event NAME.FIELD', 'sip-header NAME' or 'form KEY'.
    source         TEXT    NOT NULL UNIQUE,
    personal       INTEGER NOT NULL,
    -- Empty: as long as its call.
    retention_days INTEGER,
    -- The UTC day, counted from 1970, before which its values were deleted for their age.
    deleted_day    INTEGER,
    -- Values so far that are none of its kind; they are kept as text.
    misfits        INTEGER NOT NULL DEFAULT 0
) STRICT;
