-- Whether an address has another summary: asked when one is erased.
CREATE INDEX summaries_by_address ON summaries (whole ->> 'address');
