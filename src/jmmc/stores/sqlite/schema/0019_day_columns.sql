-- The sessions that began on a day, in columns. Whatever changes one of their summaries deletes
-- the row in the same transaction, so that what is read is never out of date.

CREATE TABLE day_columns (
    start INTEGER PRIMARY KEY,           -- Unix seconds: the beginning of a day in UTC
    form TEXT NOT NULL,                  -- what the columns have; or whose work it is to make them
    content BLOB NOT NULL                -- compressed
) STRICT;
