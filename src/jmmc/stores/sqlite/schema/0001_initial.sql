-- Sessions, in order of creation.
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    session TEXT NOT NULL UNIQUE,        -- 24 hex digits
    conf TEXT NOT NULL,
    uid TEXT NOT NULL,
    dialect INTEGER NOT NULL,            -- of the push protocol: 1 or 2
    began INTEGER NOT NULL               -- Unix seconds: ts of the sample that opened it
) STRICT;
CREATE INDEX sessions_by_conf ON sessions (conf);
CREATE INDEX sessions_by_uid ON sessions (uid);
CREATE INDEX sessions_by_began ON sessions (began);

-- Samples, clustered by session: a session is read whole. The key is what makes a sample count once.
CREATE TABLE samples (
    session INTEGER NOT NULL REFERENCES sessions (id),
    seq INTEGER NOT NULL,                -- sent by a v2 browser, counted here for v1
    ts INTEGER NOT NULL,                 -- Unix seconds
    marks INTEGER NOT NULL,              -- 1: full, 2: bye
    readings TEXT NOT NULL,              -- JSON object
    PRIMARY KEY (session, seq)
) STRICT, WITHOUT ROWID;

-- What `check` writes to.
CREATE TABLE probe (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
