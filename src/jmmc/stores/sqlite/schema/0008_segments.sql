-- Spans of grades replace the sums of five minutes: they say to the second what was when.
ALTER TABLE summaries RENAME COLUMN series TO lane;
-- The parts of a session in which no dimension changed; '' in rows of an earlier version, whose `lane` has sums.
ALTER TABLE summaries ADD COLUMN segments TEXT NOT NULL DEFAULT '';
-- Sums by groups of persons and of meetings, for confidence intervals; empty in what an earlier version made.
ALTER TABLE rollups ADD COLUMN replicates TEXT NOT NULL DEFAULT '{}';
