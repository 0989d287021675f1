-- Mean ratings by value, and how they agree with grades, need no row of the table: 0.1 s in place of 0.4 for 100,000 ratings.
DROP INDEX summaries_rated;
CREATE INDEX summaries_rated ON summaries (began, ended, outcome, rating, uid, good, fair, poor, grade, moved, browser, os, region, network, provider, country, bridge, transport, codec) WHERE rating IS NOT NULL;
