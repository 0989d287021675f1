"""Background work on what is stored: summaries, rollups, incidents, retention, erasure.

Samples from `stores` enter; summaries, rollups and receipts go back into them, and counters of
call time go to `monitoring`. This wing knows nothing of HTTP or of how a push arrives.
"""

__all__ = [
    "call_time_metrics",
    "cause_records",
    "clock_guard",
    "erase",
    "incidents",
    "retention",
    "rollups",
    "schedule",
    "usage_days",
]
