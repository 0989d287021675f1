"""The steps of opening a collection of MongoDB, and of closing its client."""

import asyncio
from typing import Any

import pymongo
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ConfigurationError, OperationFailure

from jmmc.core.errors import UnusableStore
from jmmc.core.logging import logger
from jmmc.core.tasks import stop
from jmmc.stores.mongo.documents import Document, is_session

_log = logger(__name__)

_OLDEST = (4, 2)  # The first release that has every command we send.
_PARTING = 1.0  # Seconds that a server has to hear that we go.
_COMPRESSED = {"wiredTiger": {"configString": "block_compressor=zstd"}}
_NOT_MADE_SO = frozenset({2, 48, 72})  # BadValue, NamespaceExists, InvalidOptions


def beside(collection: AsyncCollection[Document], name: str) -> AsyncCollection[Document]:
    """The collection of that name beside the one of the sessions, with its write concern."""
    return collection.database.get_collection(
        f"{collection.name}.{name}", write_concern=collection.write_concern
    )


async def inspect(collection: AsyncCollection[Document]) -> None:
    """Raise `UnusableStore` for a server that is too old or a collection that takes no sessions."""
    client = collection.database.client
    version = (await client.server_info())["versionArray"]
    if tuple(version[:2]) < _OLDEST:
        told, oldest = ".".join(map(str, version[:3])), ".".join(map(str, _OLDEST))
        raise UnusableStore(f"MongoDB {told} is too old: {oldest} or newer is needed")
    listed = await collection.database.list_collections(filter={"name": collection.name})
    async for item in listed:
        if item["type"] != "collection" or item["options"].get("capped"):
            kind = "capped" if item["options"].get("capped") else item["type"]
            raise UnusableStore(f"{collection.full_name}: a plain collection is needed ({kind})")
    document = await collection.find_one()
    if document is not None and not is_session(document):
        _log.warning("no_sessions_found", collection=collection.full_name)


async def create(collection: AsyncCollection[Document]) -> None:
    """Make a collection, compressed better than by default; one that exists stays as it is."""
    try:
        await collection.database.command("create", collection.name, storageEngine=_COMPRESSED)
    except OperationFailure as error:  # Servers that store in another way refuse the option.
        if error.code not in _NOT_MADE_SO:
            raise


def connect(url: str, timeout: float) -> AsyncMongoClient[Document]:
    """A client for `url`, which may say itself how long to wait. Raises `UnusableStore`."""
    milliseconds = int(timeout * 1000)
    ours: dict[str, Any] = {
        "appName": "jmmc",
        "serverSelectionTimeoutMS": milliseconds,
        "connectTimeoutMS": milliseconds,
    }
    told = url.partition("?")[2].lower()
    defaults = {name: our for name, our in ours.items() if f"{name.lower()}=" not in told}
    try:
        return AsyncMongoClient(url, tz_aware=False, **defaults)
    except ValueError as error:
        raise UnusableStore(f"MongoDB: {error}") from error


async def close_client(client: AsyncMongoClient[Document]) -> None:
    """Close a client. Its goodbye to a server that hangs would take until that counts as down."""
    with pymongo.timeout(_PARTING):
        closing = asyncio.create_task(client.close(), name="jmmc-parting")
    await asyncio.wait([closing], timeout=5 * _PARTING)
    await stop(closing)


def database_of(client: AsyncMongoClient[Document]) -> Any:
    """The database that the client's URL names. Raises `UnusableStore` when it names none."""
    try:
        return client.get_default_database()
    except ConfigurationError:
        message = "the URL names no database: mongodb://host/database"
        raise UnusableStore(message) from None
