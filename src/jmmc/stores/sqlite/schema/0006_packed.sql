-- Sessions that have been quiet for long: their samples are here, compressed, and not in `samples`.
CREATE TABLE packed (
    session INTEGER PRIMARY KEY REFERENCES sessions (id),
    count INTEGER NOT NULL,              -- of samples
    last INTEGER NOT NULL,               -- Unix seconds: the highest ts
    samples BLOB NOT NULL                -- zlib; JSON: [[seq, ts, marks, {readings}], …] by seq
) STRICT;
-- Whoever remembers such a session has to look again: a sample that comes late unpacks it first.
CREATE TRIGGER samples_of_packed_sessions BEFORE INSERT ON samples WHEN EXISTS (SELECT 1 FROM packed WHERE session = new.session) BEGIN SELECT RAISE(ABORT, 'packed'); END;
