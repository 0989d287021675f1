-- The key of a deleted session is never given to a new one (AUTOINCREMENT): other processes may remember it.
-- The table is made anew, as https://www.sqlite.org/lang_altertable.html#otheralter describes.
CREATE TABLE new_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL UNIQUE,        -- 24 hex digits
    conf TEXT NOT NULL,
    uid TEXT NOT NULL,
    dialect INTEGER NOT NULL,            -- of the push protocol: 1 or 2
    began INTEGER NOT NULL               -- Unix seconds: ts of the sample that opened it
) STRICT;
INSERT INTO new_sessions (id, session, conf, uid, dialect, began) SELECT id, session, conf, uid, dialect, began FROM sessions ORDER BY id;
DROP TABLE sessions;
ALTER TABLE new_sessions RENAME TO sessions;
CREATE INDEX sessions_by_conf ON sessions (conf);
CREATE INDEX sessions_by_uid ON sessions (uid);
CREATE INDEX sessions_by_began ON sessions (began);
