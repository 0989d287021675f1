"""Appends pushes to the collection, and remembers what it has of each session."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from bson import ObjectId
from pymongo.asynchronous.collection import AsyncCollection

from jmmc.core.errors import StoreError
from jmmc.core.model import Dialect, Push, Receipt, Refusal
from jmmc.core.recent_sessions import MOST_RECENT
from jmmc.stores.mongo.connection import Connection
from jmmc.stores.mongo.documents import Document, all_of
from jmmc.stores.mongo.errors import refusal
from jmmc.stores.mongo.update_command import send_updates
from jmmc.stores.mongo.writes import (
    V1_PROJECTION,
    V2_PROJECTION,
    RememberedSession,
    Write,
    WritePlan,
    document_ids,
)

_ROUNDS = 5  # Tries of a batch against other collectors that write to the same sessions.


class Appender:
    """Stores batches of pushes, one at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._remembered: OrderedDict[str, RememberedSession] = OrderedDict()

    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        """See `Store.append`."""
        answers: list[Receipt | Refusal | None] = [None] * len(pushes)
        waiting = list(range(len(pushes)))
        try:
            for attempt in range(_ROUNDS):
                if not waiting:
                    break
                waiting = await self._try(pushes, waiting, answers, assume_new=attempt == 0)
        except BaseException:
            # What was stored of the batch is not known: nothing remembered may be relied on.
            self.forget(push.session for push in pushes)
            raise
        if waiting:
            raise StoreError("other collectors keep writing to the same sessions")
        while len(self._remembered) > MOST_RECENT:
            self._remembered.popitem(last=False)
        return [answer for answer in answers if answer is not None]

    def forget(self, sessions: Iterable[str]) -> None:
        """Read these sessions again before the next push to them is stored."""
        for session in sessions:
            self._remembered.pop(session, None)

    def forget_all(self) -> None:
        """Forget every session, when the connection is closed."""
        self._remembered.clear()

    async def _try(
        self,
        pushes: Sequence[Push],
        waiting: Sequence[int],
        answers: list[Receipt | Refusal | None],
        *,
        assume_new: bool,
    ) -> list[int]:
        """Try to store the waiting pushes; the indices of those that met another collector's."""
        with self._connection.operation():
            collection = self._connection.collection()
            plan = WritePlan(self._remembered, assume_new=assume_new)
            if to_read := plan.sessions_to_read([pushes[index] for index in waiting]):
                plan.remember(to_read, await _read(collection, to_read))
            for index in waiting:
                answers[index] = plan.assign(index, pushes[index])
            writes = plan.writes()
            if not writes:
                return []
            replies = await send_updates(collection, [write.statement() for write in writes])
        conflicts: set[int] = set()
        upserted: list[Write] = []
        for first, number, reply in replies:
            sent = writes[first : first + number]
            conflicts.update(first + conflict for conflict in _conflicts(reply, sent))
            upserted += (sent[document["index"]] for document in reply.get("upserted", ()))
        for write in upserted:
            if write.shows_deletion():
                # The new document begins with a gap, and which documents the session has is not
                # known any more.
                self.forget([write.session])
                for index in write.indices:
                    if isinstance(answer := answers[index], Receipt) and answer.ack is not None:
                        answers[index] = Receipt(answer.ack, gap=True)
        self.forget(writes[number].session for number in conflicts)
        return sorted({index for number in conflicts for index in writes[number].indices})


async def _read(
    collection: AsyncCollection[Document], sessions: Mapping[str, Sequence[Push]]
) -> list[Document]:
    """What `WritePlan.remember` needs of sessions, given with the pushes that came."""
    v1 = {key: pushes for key, pushes in sessions.items() if pushes[0].dialect is Dialect.V1}
    v2 = {key: pushes for key, pushes in sessions.items() if key not in v1}
    documents: list[Document] = []
    if v2:
        query = {"_id": {"$in": document_ids(v2)}}
        documents += await collection.find(query, V2_PROJECTION).to_list()
    if v1:
        query = all_of([ObjectId(session) for session in v1])
        documents += await collection.find(query, V1_PROJECTION).to_list()
    return documents


def _conflicts(reply: Document, writes: Sequence[Write]) -> set[int]:
    """The writes that another collector was quicker than. Raises for any other failure."""
    failures = reply.get("writeErrors", ())
    if concern := reply.get("writeConcernError"):
        raise StoreError(f"MongoDB did not confirm: {concern.get('errmsg')}")
    for failure in failures:
        if failure["code"] != writes[failure["index"]].conflict_code:
            raise refusal(failure["code"], failure["errmsg"])
    conflicts = {failure["index"] for failure in failures}
    if reply["n"] + len(failures) < len(writes):
        # Documents are missing, and the server does not say which ones.
        conflicts.update(number for number, write in enumerate(writes) if write.must_match)
    return conflicts
