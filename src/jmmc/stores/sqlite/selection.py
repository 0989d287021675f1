"""The SQL conditions for a filter, with the values to bind."""

from collections.abc import Sequence

import msgspec

from jmmc.core.model import SessionFilter
from jmmc.quality.filters import FILTERS, SummaryFilter
from jmmc.quality.ordering import SORT_KEYS, Order
from jmmc.quality.outcomes import ATTEMPTS, UNSUCCESSFUL
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


def order_key(order: Order) -> str:
    """The SQL expression for `Order.key_of`."""
    last = f"char({ord(order.last_text)})"
    known = "(good + fair + poor)"
    match order.key:
        case "length":
            return "(ended - began)"
        case "person":
            return f"iif(name_key = '', {last} || uid, name_key)"
        case "poor" | "bad":
            bad = "poor" if order.key == "poor" else "(fair + poor)"
            return f"iif({known} > 0, {bad} * 1.0 / {known}, {order.unknown_share})"
    name = column(order.key)
    return f"iif({name} = '', {last}, {name})" if SORT_KEYS[order.key].is_text else name


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
            for part in filter_.parts(value):
                parts.append(f"instr({name}, ?)")
                values.append(part)
            continue
        if filter_.within and key:
            parts.append(f"{filter_.within} <> ''")  # For its index.
        if filter_.dimension:
            alternatives = filter_.alternatives(value)
            condition, given = _one_of(name, alternatives, prefix=filter_.prefix)
            in_segment, more = _one_of(
                f"value ->> '$[2].{filter_.field}'", alternatives, prefix=filter_.prefix
            )
            # `moved` is in the index: most rows of the table need not be read.
            parts.append(
                f"({condition} OR (moved AND EXISTS"
                f" (SELECT 1 FROM json_each(segments) WHERE {in_segment})))"
            )
            values += [*given, *more]
            continue
        parts.append(f"{name} = ?")
        values.append(key)
    # Written so that the index on lengths, which has nothing else, is not taken.
    if selection.min_seconds is not None:
        parts.append("ended >= began + ?")
        values.append(selection.min_seconds)
    if selection.max_seconds is not None:
        parts.append("ended <= began + ?")
        values.append(selection.max_seconds)
    if selection.sessions is not None:
        parts.append("session IN (SELECT value FROM json_each(?))")
        values.append(msgspec.json.encode(selection.sessions).decode())
    if selection.rooms is not None:
        parts.append("conf IN (SELECT value FROM json_each(?))")
        values.append(msgspec.json.encode(selection.rooms).decode())
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


def _one_of(
    expression: str, alternatives: Sequence[str], *, prefix: bool
) -> tuple[str, list[object]]:
    conditions: list[str] = []
    values: list[object] = []
    for value in alternatives:
        conditions.append(f"{expression} = ?")
        values.append(value)
        if prefix:
            conditions.append(f"substr({expression}, 1, ?) = ?")
            values += [len(value) + 1, f"{value} "]
    return f"({' OR '.join(conditions)})", values
