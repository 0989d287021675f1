"""From samples to timelines, grades, summaries and rollups. No clock, log, loop or I/O."""
