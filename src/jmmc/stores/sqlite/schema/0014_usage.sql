-- The use of each day, by its bounds in Unix seconds: kept longer than the summaries that it was made of.
CREATE TABLE usage (
    start INTEGER NOT NULL,
    until INTEGER NOT NULL,
    content TEXT NOT NULL,               -- JSON
    PRIMARY KEY (start, until)
) STRICT, WITHOUT ROWID;
