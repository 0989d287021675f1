"""Reads sessions, each from all of its documents."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from bson import ObjectId
from pymongo import ASCENDING

from jmmc.core.logging import logger
from jmmc.core.model import Session, SessionFilter
from jmmc.stores.mongo.connection import Connection
from jmmc.stores.mongo.documents import Document, is_session, session_of
from jmmc.stores.mongo.selection import session_query

_log = logger(__name__)

_READ_SESSIONS = 25  # At a time: a day in a room is some 3,000 samples.
_LONG = 8  # Documents of a session: to read more would keep pushes waiting.


async def holds(connection: Connection, session: str) -> bool:
    """See `Store.holds`."""
    with connection.guarded():
        found = await connection.collection().find_one(
            {"_id": ObjectId(session), "s": None}, {"_id": True}
        )
    return found is not None


async def get_sessions(connection: Connection, ids: Sequence[str]) -> list[Session]:
    """See `Store.get`."""
    keys = [ObjectId(item) for item in ids]
    with connection.guarded():
        found = await connection.collection().find({"_id": {"$in": keys}, "s": None}).to_list()
    whole = {item.id: item for item in await _whole(connection, found)}
    return [whole[item] for item in ids if item in whole]


async def read_sessions(connection: Connection, selection: SessionFilter) -> AsyncIterator[Session]:
    """See `Store.sessions`. Documents that are no sessions are skipped and counted in the log.

    Sessions of the ancestor have no date of their own and come first, by `_id`.
    """
    skipped = 0
    page: list[Document] = []
    cursor = connection.collection().find(session_query(selection), batch_size=_READ_SESSIONS)
    cursor = cursor.sort([("at", ASCENDING), ("_id", ASCENDING)])
    with connection.guarded(bounded=False):
        try:
            async for document in cursor:
                if not is_session(document):
                    skipped += 1
                    continue
                page.append(document)
                if len(page) == _READ_SESSIONS:
                    for session in await _whole(connection, page):
                        yield session
                    page = []
            for session in await _whole(connection, page):
                yield session
        finally:
            await cursor.close()
    if skipped:
        _log.warning("no_sessions_skipped", collection=connection.name, documents=skipped)


async def count_sessions(connection: Connection, selection: SessionFilter) -> int:
    """See `Store.count`."""
    with connection.guarded(bounded=False):
        return await connection.collection().count_documents(session_query(selection))


async def _whole(connection: Connection, firsts: Sequence[Document]) -> list[Session]:
    """The sessions of their first documents, with the elements of the following ones."""
    if not firsts:
        return []
    following: dict[ObjectId, list[Document]] = {}
    keys = [item["_id"] for item in firsts]
    more = connection.collection().find({"s": {"$in": keys}}).sort("c", ASCENDING)
    async for document in more:
        if is_session(document):
            following.setdefault(document["s"], []).append(document)
    whole: list[Session] = []
    for first in filter(is_session, firsts):
        documents = [first, *following.get(first["_id"], ())]
        long = len(documents) > _LONG
        whole.append(
            await asyncio.to_thread(session_of, documents) if long else session_of(documents)
        )
    return whole
