"""Sends the updates of a batch as one command.

PyMongo's bulk API makes an object of each update and merges what the server answers: twice the CPU.
"""

from collections.abc import Sequence

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import AutoReconnect, DocumentTooLarge, ServerSelectionTimeoutError

from jmmc.stores.mongo.documents import Document
from jmmc.stores.mongo.errors import PRIMARY_CHANGES

_TRIES = 3  # The server that a change of the primary is seen from is known only afterwards.


async def send_updates(
    collection: AsyncCollection[Document], statements: Sequence[Document]
) -> list[tuple[int, int, Document]]:
    """Send statements of the command `update`, and return the replies to its commands.

    Each with the index of its first statement and their number: more than MongoDB takes at a time
    are several commands. Each statement may be sent twice, so it must change nothing when it is
    repeated: that is what takes the place of the driver's retryable writes.
    """
    try:
        return [(0, len(statements), await _send(collection, statements))]
    except DocumentTooLarge:
        if len(statements) == 1:
            raise
    half = len(statements) // 2
    before = await send_updates(collection, statements[:half])
    after = await send_updates(collection, statements[half:])
    return [*before, *((half + first, number, reply) for first, number, reply in after)]


async def _send(collection: AsyncCollection[Document], statements: Sequence[Document]) -> Document:
    concern = collection.write_concern.document
    concern.pop("wtimeout", None)  # Operations have a time limit, of the driver.
    for tried in range(1, _TRIES + 1):
        command = {"update": collection.name, "updates": statements, "ordered": False}
        if concern:
            command["writeConcern"] = concern
        try:
            reply = await collection.database.command(command)
        except ServerSelectionTimeoutError:
            raise
        except AutoReconnect:
            if tried == _TRIES:
                raise
        else:
            if tried == _TRIES or not _met_change_of_primary(reply):
                break
    return reply


def _met_change_of_primary(reply: Document) -> bool:
    failures = [*reply.get("writeErrors", ()), reply.get("writeConcernError", {})]
    return any(failure.get("code") in PRIMARY_CHANGES for failure in failures)
