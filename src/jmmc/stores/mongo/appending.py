"""Appends pushes to the collection, and remembers what it has of each session."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from jmmc.core.errors import StoreError, UnusableStore
from jmmc.core.model import Dialect, Push, Receipt, Refusal
from jmmc.stores.mongo.connection import Connection
from jmmc.stores.mongo.documents import Document, all_of
from jmmc.stores.mongo.errors import NOT_ALLOWED
from jmmc.stores.mongo.writes import V1_HEAD, V2_HEAD, Head, Write, WritePlan, document_ids

_HEADS = 100_000  # Sessions remembered; each is about 300 bytes. A forgotten one costs a query.
_ROUNDS = 5  # Tries of a batch against other collectors that write to the same sessions.
_DUPLICATE_KEY = 11000
_BAD_VALUE = 2  # What `$pull` says of what is no array.


class Appender:
    """What appends, one batch at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._heads: OrderedDict[str, Head] = OrderedDict()

    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        """See `Store.append`."""
        answers: list[Receipt | Refusal | None] = [None] * len(pushes)
        waiting = list(range(len(pushes)))
        try:
            for attempt in range(_ROUNDS):
                if not waiting:
                    break
                waiting = await self._round(pushes, waiting, answers, first=attempt == 0)
        except BaseException:
            # What was stored of the batch is not known: nothing remembered may be relied on.
            for push in pushes:
                self._heads.pop(push.session, None)
            raise
        if waiting:
            raise StoreError("other collectors keep writing to the same sessions")
        while len(self._heads) > _HEADS:
            self._heads.popitem(last=False)
        return [answer for answer in answers if answer is not None]

    def forget(self, sessions: Iterable[str]) -> None:
        """Forget what is remembered of sessions that were deleted."""
        for session in sessions:
            self._heads.pop(session, None)

    def forget_all(self) -> None:
        """Forget every session, when the connection is closed."""
        self._heads.clear()

    async def _round(
        self,
        pushes: Sequence[Push],
        waiting: Sequence[int],
        answers: list[Receipt | Refusal | None],
        *,
        first: bool,
    ) -> list[int]:
        """Try to store the waiting pushes; the indices of those that met another collector's."""
        with self._connection.guarded():
            collection = self._connection.collection()
            placing = WritePlan(self._heads, guess=first)
            if stale := placing.stale([pushes[item] for item in waiting]):
                placing.learn(stale, await self._read_heads(collection, stale))
            for index in waiting:
                answers[index] = placing.place(index, pushes[index])
            writes = placing.writes()
            if not writes:
                return []
            operations = [UpdateOne(write.filter, write.update, write.upsert) for write in writes]
            outcome: Mapping[str, Any]
            try:
                outcome = (await collection.bulk_write(operations, ordered=False)).bulk_api_result
            except BulkWriteError as error:
                outcome = error.details
        again = _lost_races(outcome, writes)
        upserted = [item["index"] for item in outcome["upserted"]]
        for number in upserted:
            if writes[number].expected:
                # Somebody has deleted the session: what comes now begins with a hole, and what we
                # remember of where its documents are is not true any more.
                self._heads.pop(writes[number].session, None)
                for index in writes[number].indices:
                    if isinstance(answer := answers[index], Receipt) and answer.ack is not None:
                        answers[index] = Receipt(answer.ack, hole=True)
        for number in again:
            self._heads.pop(writes[number].session, None)
        return sorted({index for number in again for index in writes[number].indices})

    async def _read_heads(
        self, collection: AsyncCollection[Document], stale: Mapping[str, Sequence[Push]]
    ) -> list[Document]:
        v1 = {key: pushes for key, pushes in stale.items() if pushes[0].dialect is Dialect.V1}
        v2 = {key: pushes for key, pushes in stale.items() if key not in v1}
        found: list[Document] = []
        if v2:
            found += await collection.find({"_id": {"$in": document_ids(v2)}}, V2_HEAD).to_list()
        if v1:
            query = all_of([ObjectId(item) for item in v1])
            found += await collection.find(query, V1_HEAD).to_list()
        return found


def _lost_races(outcome: Mapping[str, Any], writes: Sequence[Write]) -> set[int]:
    """The writes that met another collector's; raises for any other failure."""
    failures = outcome["writeErrors"]
    for concern in outcome["writeConcernErrors"]:
        raise StoreError(f"MongoDB did not confirm: {concern.get('errmsg')}")
    for failure in failures:
        needed = writes[failure["index"]].needed
        if failure["code"] != (_BAD_VALUE if needed else _DUPLICATE_KEY):
            kind = UnusableStore if failure["code"] in NOT_ALLOWED else StoreError
            raise kind(f"MongoDB: {failure['errmsg']}")
    again = {failure["index"] for failure in failures}
    if outcome["nMatched"] + len(outcome["upserted"]) + len(failures) < len(writes):
        # Documents are gone, and nobody says which: none of those that are needed counts.
        again.update(number for number, write in enumerate(writes) if write.needed)
    return again
