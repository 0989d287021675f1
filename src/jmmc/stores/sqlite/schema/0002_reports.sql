-- Sessions with samples that their summary does not know yet.
CREATE TABLE dirty (session INTEGER PRIMARY KEY) STRICT;
CREATE TRIGGER samples_are_dirty AFTER INSERT ON samples BEGIN INSERT OR IGNORE INTO dirty (session) VALUES (new.session); END;
INSERT INTO dirty (session) SELECT id FROM sessions;

-- What the sessions come to. They outlive the samples that they were made of.
CREATE TABLE summaries (
    session TEXT PRIMARY KEY,            -- 24 hex digits
    conf TEXT NOT NULL,
    uid TEXT NOT NULL,
    began INTEGER NOT NULL,              -- Unix seconds
    ended INTEGER NOT NULL,
    last INTEGER NOT NULL,               -- of the last sample
    running INTEGER NOT NULL,
    grade TEXT NOT NULL,
    good INTEGER NOT NULL,               -- seconds
    fair INTEGER NOT NULL,
    poor INTEGER NOT NULL,
    unknown INTEGER NOT NULL,
    browser TEXT NOT NULL,
    os TEXT NOT NULL,
    region TEXT NOT NULL,
    network TEXT NOT NULL,
    transport TEXT NOT NULL,
    codec TEXT NOT NULL,
    series TEXT NOT NULL,                -- JSON: five minutes each
    whole TEXT NOT NULL                  -- JSON: all of it
) STRICT;
CREATE INDEX summaries_by_began ON summaries (began, conf, ended);
CREATE INDEX summaries_by_conf ON summaries (conf, began);
CREATE INDEX summaries_by_uid ON summaries (uid, began);
CREATE INDEX summaries_by_length ON summaries (ended - began);
CREATE INDEX summaries_that_run ON summaries (began, last) WHERE running;

CREATE TABLE rollups (
    dimension TEXT NOT NULL,
    length INTEGER NOT NULL,             -- seconds: an hour or a day
    start INTEGER NOT NULL,
    parts TEXT NOT NULL,                 -- JSON
    PRIMARY KEY (dimension, length, start)
) STRICT, WITHOUT ROWID;

-- What can be searched for.
CREATE TABLE names (
    kind TEXT NOT NULL,                  -- conference, participant or address
    name TEXT NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- Tokens, leases, and how far a long task has come.
CREATE TABLE records (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,               -- JSON
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
