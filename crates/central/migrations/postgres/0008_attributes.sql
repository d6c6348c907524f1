-- What is kept of a call besides what every call has: variables, user events, headers, fields of forms.
CREATE TABLE attributes (
    -- By which a file of `apply` and a report find it.
    name           TEXT COLLATE "C" PRIMARY KEY,
    -- JSON: title by language.
    titles         TEXT COLLATE "C" NOT NULL,
    -- 'text', 'number', 'boolean' or 'choice'.
    kind           TEXT COLLATE "C" NOT NULL,
    -- JSON: the values of a choice.
    choices        TEXT COLLATE "C" NOT NULL,
    -- 'call', 'visit', 'attempt' or 'segment'.
    grain          TEXT COLLATE "C" NOT NULL,
    -- 'variable NAME', 'user-event NAME.FIELD', 'sip-header NAME' or 'form KEY'.
    source         TEXT COLLATE "C" NOT NULL UNIQUE,
    personal       BIGINT NOT NULL,
    -- Empty: as long as its call.
    retention_days BIGINT,
    -- The UTC day, counted from 1970, before which its values were deleted for their age.
    deleted_day    BIGINT,
    -- Values so far that are none of its kind; they are kept as text.
    misfits        BIGINT NOT NULL DEFAULT 0
);
