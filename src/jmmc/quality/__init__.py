"""From the samples of a session to its timeline, grades, summary, causes and rollups. Pure.

Sessions and the clock's time enter; timelines, grades, summaries, attributions and rollups leave.
This wing knows no clock, log, event loop or I/O, and nothing of stores, HTTP or the wire letters'
decoding: the same samples give the same figures everywhere.
"""

__all__ = [
    "addresses",
    "attribution",
    "filters",
    "grading",
    "incidents",
    "intervals",
    "joins",
    "losses",
    "meeting_ids",
    "peaks",
    "ratings",
    "rollups",
    "segments",
    "size_limits",
    "sketch",
    "summarize",
    "summary",
    "thresholds",
    "timeline",
    "timeline_rows",
    "ways",
    "window_joins",
    "window_sums",
]
