"""The foundation of every other wing: model, errors, logging, timestamps, tasks, histograms.

Frozen nouns such as `Sample`, `Push` and `Session` enter and leave; so do events for the log.
It imports no other wing, and knows nothing of HTTP endpoints, of databases or of grades.
"""

__all__ = [
    "calendar",
    "check_findings",
    "computing",
    "errors",
    "fields",
    "forks",
    "histogram",
    "install_hints",
    "label_values",
    "logging",
    "model",
    "outgoing",
    "partitions",
    "parts",
    "readings",
    "recent_sessions",
    "repeating",
    "rounding",
    "supervision",
    "tasks",
    "text",
    "timestamps",
    "version",
    "yielding",
]
