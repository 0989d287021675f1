"""Reads sessions, each from all of its documents."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from datetime import UTC

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING

from jmmc.core.logging import logger
from jmmc.core.model import Progress, Sample, Session, SessionFilter, seq_of
from jmmc.core.parts import parts_within
from jmmc.stores.mongo.connection import Connection
from jmmc.stores.mongo.documents import (
    Document,
    all_of,
    is_session,
    sample_of,
    session_id_of,
    session_of,
)
from jmmc.stores.mongo.selection import session_query

_log = logger(__name__)

_SESSIONS = 25  # Read at a time,
_SAMPLES = 20_000  # and of those as many as have so many samples.
_TOGETHER = 40  # Documents that arrive at a time: the event loop decodes them in 5 ms.
_LONG = 8  # Documents. Longer sessions are decoded in a thread, so that pushes need not wait.


async def holds(connection: Connection, session: str) -> bool:
    """See `Store.holds`."""
    with connection.operation():
        document = await connection.collection().find_one(
            {"_id": ObjectId(session), "s": None}, {"_id": True}
        )
    return document is not None


async def get_sessions(connection: Connection, ids: Sequence[str]) -> list[Session]:
    """See `Store.get`."""
    keys = [ObjectId(session) for session in ids]
    with connection.operation():
        firsts = await connection.collection().find({"_id": {"$in": keys}, "s": None}).to_list()
    sessions = {session.id: session for session in await _sessions_of(connection, firsts)}
    return [sessions[session] for session in ids if session in sessions]


async def lengths(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """See `Store.lengths`."""
    with connection.operation():
        found = await _lengths(connection, [ObjectId(session) for session in ids])
    return {str(key): samples for key, samples in found.items()}


async def _lengths(connection: Connection, firsts: Sequence[ObjectId]) -> dict[ObjectId, int]:
    samples = {"$size": {"$cond": [{"$isArray": "$m"}, "$m", []]}}
    stages: list[Document] = [
        {"$match": all_of(firsts)},
        {"$group": {"_id": {"$ifNull": ["$s", "$_id"]}, "samples": {"$sum": samples}}},
    ]
    cursor = await connection.collection().aggregate(stages)
    return {found["_id"]: found["samples"] async for found in cursor}


def _parts(firsts: Sequence[Document], sizes: Mapping[ObjectId, int]) -> Iterator[list[Document]]:
    return parts_within(firsts, _SAMPLES, lambda first: sizes.get(first["_id"], 0))


async def samples_after(
    connection: Connection, known: Sequence[Progress]
) -> dict[str, tuple[Sample, ...]]:
    """See `Store.samples_after`. Of documents without new samples only the numbers are read."""
    numbers: dict[str, list[int]] = {}
    has_new: dict[ObjectId, str] = {}
    last = {progress.session: progress.seq for progress in known}
    with connection.operation():
        cursor = connection.collection().find(
            all_of([ObjectId(session) for session in last]), {"s": True, "m.seq": True}
        )
        async for document in cursor:
            session = session_id_of(document)
            found = _numbers(document)
            numbers.setdefault(session, []).extend(found)
            if any(number > last[session] for number in found):
                has_new[document["_id"]] = session
        samples: dict[str, list[Sample]] = {
            progress.session: []
            for progress in known
            if sum(seq <= progress.seq for seq in numbers.get(progress.session, ()))
            == progress.samples
        }
        for document in await connection.collection().find({"_id": {"$in": [*has_new]}}).to_list():
            session = has_new[document["_id"]]
            if session in samples:
                elements = map(sample_of, filter(None, document["m"]))
                samples[session] += [
                    sample for sample in elements if (sample.seq or 0) > last[session]
                ]
    return {
        session: tuple(sorted(found, key=lambda sample: sample.seq or 0))
        for session, found in samples.items()
    }


def _numbers(document: Document) -> list[int]:
    elements = document.get("m")
    listed = elements if isinstance(elements, list) else []
    numbers = (seq_of(element.get("seq")) for element in listed if isinstance(element, dict))
    return [number for number in numbers if number is not None]


async def read_sessions(
    connection: Connection, selection: SessionFilter
) -> AsyncGenerator[Session]:
    """See `MongoStore.sessions`."""
    skipped = 0
    cursor = connection.collection().find(session_query(selection), batch_size=_SESSIONS)
    cursor = cursor.sort([("at", ASCENDING), ("_id", ASCENDING)])
    try:
        while True:
            # Not around `yield`: a reader who has gone ends this in another context.
            with connection.operation(bounded=False):
                page = await cursor.to_list(_SESSIONS)
                sizes = await _lengths(connection, [document["_id"] for document in page])
            if not page:
                break
            skipped += sum(not is_session(document) for document in page)
            for part in _parts(page, sizes):
                with connection.operation(bounded=False):
                    sessions = await _sessions_of(connection, part)
                for session in sessions:
                    yield session
    finally:
        await cursor.close()
    if skipped:
        _log.warning("documents_skipped", collection=connection.name, documents=skipped)


async def count_sessions(connection: Connection, selection: SessionFilter) -> int:
    """See `Store.count`."""
    with connection.operation(bounded=False):
        return await connection.collection().count_documents(session_query(selection))


async def session_times(connection: Connection) -> tuple[int, int] | None:
    """See `Store.session_times`. Reads the index that is on `at`."""
    times = []
    with connection.operation():
        for order in (ASCENDING, DESCENDING):
            document = await connection.collection().find_one(
                {"at": {"$type": "date"}}, {"at": True}, sort=[("at", order), ("_id", order)]
            )
            if document is None:
                return None
            times.append(int(document["at"].replace(tzinfo=UTC).timestamp()))
    return times[0], times[1]


async def _sessions_of(connection: Connection, firsts: Sequence[Document]) -> list[Session]:
    """The sessions that begin with these documents, with all of their later documents."""
    if not firsts:
        return []
    later: dict[ObjectId, list[Document]] = {}
    keys = [first["_id"] for first in firsts]
    cursor = connection.collection().find({"s": {"$in": keys}}, batch_size=_TOGETHER)
    cursor = cursor.sort("c", ASCENDING)
    async for document in cursor:
        if is_session(document):
            later.setdefault(document["s"], []).append(document)
    sessions: list[Session] = []
    for first in filter(is_session, firsts):
        documents = [first, *later.get(first["_id"], ())]
        if len(documents) > _LONG:
            sessions.append(await asyncio.to_thread(session_of, documents))
        else:
            sessions.append(session_of(documents))
    return sessions
