-- Joins to which no media came are listed with the other joins that failed.

DROP INDEX summaries_of_attempts;
CREATE INDEX summaries_of_attempts ON summaries (began)
    WHERE outcome IN ('no_media', 'failed', 'refused');
