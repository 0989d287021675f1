-- Incidents: what answers show of them, and the parts by hours that they are made of.
CREATE TABLE incidents (
  id TEXT PRIMARY KEY,
  began INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  running INTEGER NOT NULL,
  seconds INTEGER NOT NULL,
  people INTEGER NOT NULL,
  cause TEXT NOT NULL,
  value TEXT NOT NULL,
  probability REAL NOT NULL,
  whole TEXT NOT NULL,
  parts TEXT NOT NULL
);
-- Has all that incidents are selected and sorted by, so only those that are shown are read.
CREATE INDEX incidents_by_end
  ON incidents (ended, began, seconds, people, probability, cause, value, running, id);
CREATE INDEX incidents_by_start ON incidents (began, id);
CREATE INDEX incidents_that_run ON incidents (ended) WHERE running;
