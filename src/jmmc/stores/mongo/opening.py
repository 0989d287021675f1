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

_OLDEST = (4, 2)  # The first release that has every command that is sent.
_CLOSING = 1.0  # Seconds for telling the server that its sessions end.
_COMPRESSED = {"wiredTiger": {"configString": "block_compressor=zstd"}}
_CANNOT_CREATE = frozenset({2, 48, 72})  # BadValue, NamespaceExists, InvalidOptions


def sibling(collection: AsyncCollection[Document], name: str) -> AsyncCollection[Document]:
    """The collection `<collection>.<name>`, with the same write concern."""
    return collection.database.get_collection(
        f"{collection.name}.{name}", write_concern=collection.write_concern
    )


async def inspect(collection: AsyncCollection[Document]) -> None:
    """Raise `UnusableStore` for a server that is too old or a collection that takes no sessions."""
    client = collection.database.client
    version = (await client.server_info())["versionArray"]
    if tuple(version[:2]) < _OLDEST:
        number, oldest = ".".join(map(str, version[:3])), ".".join(map(str, _OLDEST))
        raise UnusableStore(f"MongoDB {number} is too old: {oldest} or newer is needed")
    listed = await collection.database.list_collections(filter={"name": collection.name})
    async for info in listed:
        if info["type"] != "collection" or info["options"].get("capped"):
            kind = "capped" if info["options"].get("capped") else info["type"]
            raise UnusableStore(f"{collection.full_name}: a plain collection is needed ({kind})")
    document = await collection.find_one()
    if document is not None and not is_session(document):
        _log.warning("documents_unrecognized", collection=collection.full_name)


async def create(collection: AsyncCollection[Document]) -> None:
    """Create a collection with zstd compression; an existing one stays as it is."""
    try:
        await collection.database.command("create", collection.name, storageEngine=_COMPRESSED)
    except OperationFailure as error:  # Other storage engines refuse the option.
        if error.code not in _CANNOT_CREATE:
            raise


def connect(url: str, timeout: float) -> AsyncMongoClient[Document]:
    """Make a client for `url`; its options override ours. Raises `UnusableStore`."""
    milliseconds = int(timeout * 1000)
    defaults: dict[str, Any] = {
        "appName": "jmmc",
        "serverSelectionTimeoutMS": milliseconds,
        "connectTimeoutMS": milliseconds,
    }
    given = url.partition("?")[2].lower()
    options = {name: value for name, value in defaults.items() if f"{name.lower()}=" not in given}
    try:
        return AsyncMongoClient(url, tz_aware=False, **options)
    except ValueError as error:
        raise UnusableStore(f"MongoDB: {error}") from error


async def close_client(client: AsyncMongoClient[Document]) -> None:
    """Close a client, without waiting for a server that hangs."""
    with pymongo.timeout(_CLOSING):
        closing = asyncio.create_task(client.close(), name="jmmc-mongo-close")
    await asyncio.wait([closing], timeout=5 * _CLOSING)
    await stop(closing)


def database_of(client: AsyncMongoClient[Document]) -> Any:
    """The database that the client's URL names. Raises `UnusableStore` when it names none."""
    try:
        return client.get_default_database()
    except ConfigurationError:
        raise UnusableStore("the URL names no database: mongodb://host/database") from None
