-- Jitsi's id of the meeting: it tells meetings in rooms of the same name apart. NULL in rows of an earlier version, where `whole` has it.
ALTER TABLE summaries ADD COLUMN meeting TEXT;
-- The mean rating of a window needs no row of the table.
CREATE INDEX summaries_rated ON summaries (began, ended, outcome, rating, uid) WHERE rating IS NOT NULL;
