-- How long each step of a join took, as one word; empty when that is not known.
ALTER TABLE summaries ADD COLUMN setup_steps TEXT NOT NULL DEFAULT '';
