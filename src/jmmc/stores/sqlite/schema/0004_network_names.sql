-- The names of the network that a session came from; empty in what was judged before.
ALTER TABLE summaries ADD COLUMN provider TEXT NOT NULL DEFAULT '';
ALTER TABLE summaries ADD COLUMN country TEXT NOT NULL DEFAULT '';
-- Whether a provider has another summary: asked when one is erased.
CREATE INDEX summaries_by_provider ON summaries (provider) WHERE provider <> '';
