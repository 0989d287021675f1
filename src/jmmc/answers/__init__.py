"""Every question about calls, answered once for the API, the command and the pages.

Enters: summaries, rollups and samples from `stores`, selected by a `SummaryFilter`.
Leaves: the nouns of `model`, their JSON and JSON Schema (`serialization`), files of rows (`export`,
`tables`). Start at `queries.Queries`.
Knows nothing of HTTP, templates, alert rules, or how summaries are made.
"""

__all__ = [
    "cause_texts",
    "column_types",
    "export",
    "incidents",
    "list_filters",
    "meeting_lists",
    "meetings",
    "model",
    "notes",
    "period_names",
    "queries",
    "reader",
    "serialization",
    "sessions_by_cause",
    "short_ids",
    "tables",
    "threads",
    "timeline_parquet",
    "timeline_text",
    "usage",
    "values",
]
