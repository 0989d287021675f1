
-- What all sessions of a day were together, beside their columns, which are ten times as long and
-- come last: a row is read from its beginning. Both are made again in the background.

DROP TABLE day_columns;
CREATE TABLE day_columns (
    start INTEGER PRIMARY KEY,           -- Unix seconds: the beginning of a day in UTC
    form TEXT NOT NULL,                  -- what both have; or whose work it is to make them
    totals BLOB NOT NULL,                -- compressed
    content BLOB NOT NULL                -- the columns, compressed
) STRICT;
