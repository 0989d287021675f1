"""From the samples of a session to its timeline, grades, summary, causes and rollups. Pure.

Sessions and the clock's time enter; timelines, grades, summaries, likely causes and rollups leave.
This wing knows no clock, log, event loop or I/O, and nothing of stores, HTTP or the wire letters'
decoding: the same samples give the same figures everywhere.
"""

__all__ = [
    "accumulator",
    "addresses",
    "causes",
    "column_sums",
    "day_columns",
    "day_totals",
    "differences",
    "filters",
    "grades",
    "grading",
    "intervals",
    "joins",
    "losses",
    "meeting_ids",
    "meetings",
    "mos",
    "ordering",
    "outcomes",
    "pair_sums",
    "peaks",
    "people",
    "quality_steps",
    "quantiles",
    "ratings",
    "rollup_hours",
    "rollups",
    "segments",
    "signs",
    "size_limits",
    "sketch",
    "summarize",
    "summary",
    "thresholds",
    "timeline",
    "timeline_rows",
    "usage",
    "ways",
    "window_joins",
    "window_sums",
]
