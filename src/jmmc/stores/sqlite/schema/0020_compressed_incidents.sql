-- The JSON array of an incident and its parts, compressed, instead of these two; NULL in rows of an earlier version.
ALTER TABLE incidents ADD COLUMN content BLOB;
