-- The bridge, how the join and the stay went, and how the participant rated the call.
ALTER TABLE summaries ADD COLUMN bridge TEXT NOT NULL DEFAULT '';
ALTER TABLE summaries ADD COLUMN outcome TEXT NOT NULL DEFAULT '';
ALTER TABLE summaries ADD COLUMN failure TEXT NOT NULL DEFAULT '';
ALTER TABLE summaries ADD COLUMN setup_ms INTEGER;
ALTER TABLE summaries ADD COLUMN rating INTEGER;
ALTER TABLE summaries ADD COLUMN name_key TEXT NOT NULL DEFAULT '';
ALTER TABLE summaries ADD COLUMN code TEXT NOT NULL DEFAULT '';
CREATE INDEX summaries_by_name ON summaries (name_key, began) WHERE name_key <> '';
CREATE INDEX summaries_by_code ON summaries (code) WHERE code <> '';
CREATE INDEX summaries_of_attempts ON summaries (began) WHERE outcome IN ('failed', 'refused');
-- Joins and stays by value of a dimension; empty in what an earlier version made.
ALTER TABLE rollups ADD COLUMN joins TEXT NOT NULL DEFAULT '{}';
