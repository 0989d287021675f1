"""Incidents in the file of an SQLite store."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from jmmc.quality.causes.recorded import Part, RecordedIncident, StoredIncident
from jmmc.quality.filters import IncidentFilter, IncidentOrder
from jmmc.stores.sqlite.compression import INCIDENTS, compress
from jmmc.stores.sqlite.connections import Connections
from jmmc.stores.sqlite.older_rows import incident_json
from jmmc.stores.sqlite.transaction import transaction

_JSON = "content, whole, parts"
"""The columns of which `incident_json` makes the JSON array of an incident and its parts."""

_INCIDENT = msgspec.json.Decoder(tuple[RecordedIncident, msgspec.Raw])
_STORED = msgspec.json.Decoder(tuple[RecordedIncident, tuple[Part, ...]])
_Row = tuple[bytes | None, str, str]
_ORDERS: Mapping[IncidentOrder, str] = {
    "affected": "seconds DESC, began DESC, id DESC",
    "people": "people DESC, seconds DESC, began DESC, id DESC",
    "newest": "began DESC, id DESC",
}


async def select_incidents(
    connections: Connections,
    selection: IncidentFilter,
    *,
    limit: int,
    order: IncidentOrder,
    after: tuple[int, str] | None,
) -> list[RecordedIncident]:
    """See `Reports.incidents`."""
    conditions, values = _conditions(selection)
    if after is not None:
        conditions.append("(began, id) < (?, ?)")
        values += after
    where, by = " AND ".join(conditions) or "1", _ORDERS[order]
    index = "INDEXED BY incidents_by_end"
    if order == "newest":  # `incidents_by_start` has this order: no more are read than shown.
        index, where = "", where.replace("ended", "+ended")
    return await connections.read_as(
        _incidents_of,
        f"SELECT {_JSON} FROM incidents WHERE rowid IN (SELECT rowid FROM incidents"
        f" {index} WHERE {where} ORDER BY {by} LIMIT ?) ORDER BY {by}",
        [*values, limit],
    )


async def get_incidents(connections: Connections, ids: Sequence[str]) -> list[RecordedIncident]:
    """See `Reports.get_incidents`."""
    return await connections.read_as(
        _incidents_of,
        f"SELECT {_JSON} FROM incidents WHERE id IN (SELECT value FROM json_each(?))",
        [msgspec.json.encode(list(ids)).decode()],
    )


async def stored_incidents(
    connections: Connections, since: int, until: int
) -> list[StoredIncident]:
    """See `Reports.stored_incidents`."""
    return await _stored(connections, "ended >= ? AND began <= ?", [since, until])


async def running_incidents(connections: Connections) -> list[StoredIncident]:
    """See `Reports.running_incidents`."""
    return await _stored(connections, "running", [])


async def replace_incidents(
    connections: Connections, gone: Sequence[str], changed: Sequence[StoredIncident]
) -> None:
    """See `Reports.replace_incidents`."""
    rows = [
        (
            stored.incident.id,
            stored.incident.start,
            stored.incident.end,
            stored.incident.running,
            stored.incident.seconds,
            stored.incident.people,
            stored.incident.cause.kind,
            stored.incident.cause.value,
            stored.incident.cause.probability,
            compress(msgspec.json.encode((stored.incident, stored.parts)), INCIDENTS),
        )
        for stored in changed
    ]

    def write(connection: sqlite3.Connection) -> None:
        with transaction(connection):
            connection.executemany("DELETE FROM incidents WHERE id = ?", [(id_,) for id_ in gone])
            connection.executemany(
                "INSERT OR REPLACE INTO incidents (id, began, ended, running, seconds, people,"
                " cause, value, probability, content, whole, parts)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '')",
                rows,
            )

    await connections.write(write)


async def _stored(
    connections: Connections, where: str, values: Sequence[object]
) -> list[StoredIncident]:
    return await connections.read_as(
        lambda rows: [StoredIncident(*_STORED.decode(incident_json(*row))) for row in rows],
        f"SELECT {_JSON} FROM incidents WHERE {where} ORDER BY began, id",
        values,
    )


def _incidents_of(rows: Iterable[_Row]) -> list[RecordedIncident]:
    return [_INCIDENT.decode(incident_json(*row))[0] for row in rows]


def _conditions(selection: IncidentFilter) -> tuple[list[str], list[object]]:
    given = [
        ("ended > ?", selection.since),
        ("began < ?", selection.until),
        ("cause = ?", selection.cause),
        ("value = ?", selection.value),
        ("people >= ?", selection.min_people),
        ("probability >= ?", selection.min_probability),
        ("running = ?", selection.running),
    ]
    return (
        [condition for condition, value in given if value is not None],
        [value for _, value in given if value is not None],
    )
