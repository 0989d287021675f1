-- Counting rooms and their bad time over a month needs no row of the table: 0.10 s in place of 0.18 for 100,000.
DROP INDEX summaries_by_began;
CREATE INDEX summaries_by_began ON summaries (began, conf, ended, good, fair, poor);
