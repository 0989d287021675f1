-- All of a summary, compressed; NULL in rows of an earlier version, of which `whole` has it. Otherwise `whole` has only the address, which is indexed there.
ALTER TABLE summaries ADD COLUMN content BLOB;
-- The JSON array of parts, replicates and joins, compressed, instead of these three; NULL in rows of an earlier version.
ALTER TABLE rollups ADD COLUMN content BLOB;
