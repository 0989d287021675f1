"""The SQL conditions for a filter, with the values to bind."""

from jmmc.core.model import SessionFilter
from jmmc.quality.filters import FILTERS, SummaryFilter
from jmmc.quality.joins import ATTEMPTS, UNSUCCESSFUL
from jmmc.stores.summary_columns import column

_IS_ATTEMPT = f"outcome IN {ATTEMPTS}"
_IS_UNSUCCESSFUL = f"outcome IN {UNSUCCESSFUL}"


def session_conditions(selection: SessionFilter) -> tuple[str, list[object]]:
    """The condition for a `SessionFilter` on the table `sessions`."""
    parts: list[tuple[str, object]] = [
        ("conf = ?", selection.room),
        ("uid = ?", selection.browser_id),
        ("began >= ?", selection.since),
        ("began < ?", selection.until),
    ]
    given = [(condition, value) for condition, value in parts if value is not None]
    return " AND ".join(condition for condition, _ in given) or "1", [value for _, value in given]


def read_column(field: str) -> str:
    """The SQL expression for a field of a summary; rows of an earlier version lack some columns."""
    if field == "lane":
        return "CASE segments WHEN '' THEN whole ->> '$.lane' ELSE lane END"
    if field == "jitsi_meeting_id":
        return "coalesce(meeting, whole ->> '$.meeting', '')"
    return "iif(segments = '', '[]', segments)" if field == "segments" else column(field)


def summary_conditions(selection: SummaryFilter) -> tuple[list[str], list[object]]:
    """Conditions for a `SummaryFilter` on the table `summaries`, except those on `began`."""
    parts: list[str] = []
    values: list[object] = []
    for filter_ in FILTERS:
        if (value := getattr(selection, filter_.field)) is None:
            continue
        name, key = column(filter_.stored or filter_.field), filter_.key(value)
        if filter_.sparse and key:
            parts.append(f"{name} <> ''")  # Otherwise SQLite does not take the index over these.
        if filter_.part and key:
            parts.append(f"instr({name}, ?)")
            values.append(key)
            continue
        condition, given = _equal(name, key, prefix=filter_.prefix)
        if filter_.dimension:
            in_segment, more = _equal(
                f"value ->> '$[2].{filter_.field}'", value, prefix=filter_.prefix
            )
            condition = (
                f"({condition} OR (length(segments) > 2 AND EXISTS"
                f" (SELECT 1 FROM json_each(segments) WHERE {in_segment})))"
            )
            given = [*given, *more]
        parts.append(condition)
        values += given
    if selection.attempts is not None:
        parts.append(_IS_UNSUCCESSFUL if selection.attempts else f"NOT {_IS_ATTEMPT}")
    if selection.rated is not None:
        parts.append(f"rating IS {'NOT ' if selection.rated else ''}NULL")
    if selection.running is not None:
        parts.append("running" if selection.running else "NOT running")
    if selection.since is not None:
        parts.append("(ended > ? OR began >= ?)")
        values += [selection.since, selection.since]
    return parts, values


def _equal(expression: str, value: str | int, *, prefix: bool) -> tuple[str, list[object]]:
    if not prefix or isinstance(value, int):
        return f"{expression} = ?", [value]
    return (
        f"({expression} = ? OR substr({expression}, 1, ?) = ?)",
        [value, len(value) + 1, f"{value} "],
    )
