"""The SQL conditions for a filter, with the values to bind."""

from jmmc.core.model import SessionFilter
from jmmc.quality.filters import FILTERS, SummaryFilter
from jmmc.stores.summary_columns import column


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


def summary_conditions(selection: SummaryFilter) -> tuple[list[str], list[object]]:
    """Conditions for a `SummaryFilter` on the table `summaries`, except those on `began`."""
    parts: list[str] = []
    values: list[object] = []
    for filter_ in FILTERS:
        if (value := getattr(selection, filter_.field)) is None:
            continue
        name = column(filter_.field)
        if filter_.prefix:
            parts.append(f"({name} = ? OR substr({name}, 1, ?) = ?)")
            values += [value, len(value) + 1, f"{value} "]
        else:
            parts.append(f"{name} = ?")
            values.append(value)
    if selection.running is not None:
        parts.append("running" if selection.running else "NOT running")
    if selection.since is not None:
        parts.append("ended >= ?")
        values.append(selection.since)
    return parts, values
