"""The steps of opening a collection of MongoDB, and of closing its client."""

import asyncio
from typing import Any

import pymongo
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ConfigurationError, OperationFailure

from jmmc.core.errors import UnusableStore
from jmmc.core.logging import logger
from jmmc.core.tasks import stop
from jmmc.stores.mongo.documents import Document, is_session
from jmmc.stores.mongo.errors import NAMESPACE_EXISTS
from jmmc.stores.mongo.features import OptionalFeatures

_log = logger(__name__)

SCHEMA = 2
"""The version of the stored form: raised where an earlier version of jmmc would misread it."""

_OLDEST = (4, 2)  # The first release that has every command that is sent.
_CLOSING = 1.0  # Seconds for telling the server that its sessions end.
_COMPRESSED = {"wiredTiger": {"configString": "block_compressor=zstd"}}
_QUICK = WriteConcern(1)  # Where only the rights are tried, no other member has to confirm.
_NOBODY = {"_id": "nobody"}  # Selects no document.
_VERSION = {"_id": "schema"}


def sibling(collection: AsyncCollection[Document], name: str) -> AsyncCollection[Document]:
    """The collection `<collection>.<name>`, with the same write concern."""
    return collection.database.get_collection(
        f"{collection.name}.{name}", write_concern=collection.write_concern
    )


async def inspect(collection: AsyncCollection[Document], features: OptionalFeatures) -> None:
    """Raise `UnusableStore` for a server that is too old or a collection that takes no sessions."""
    await features.attempt("the server's version", _check_version(collection))
    await features.attempt("listing collections", _check_kind(collection))
    document = await collection.find_one()
    if document is not None and not is_session(document):
        _log.warning("documents_unrecognized", collection=collection.full_name)


async def refuse_newer(collection: AsyncCollection[Document], features: OptionalFeatures) -> int:
    """Return the version of what is stored, 0 where none is noted.

    Raises `UnusableStore` when a newer version of jmmc wrote it.
    """
    noted: Document = {}

    async def look() -> None:
        noted.update(await sibling(collection, "probe").find_one(_VERSION) or {})

    await features.attempt("reading the version of what is stored", look())
    version = int(noted.get("version", 0))
    if version > SCHEMA:
        raise UnusableStore(
            f"{collection.full_name}: written by a newer version (schema {version}; this one knows"
            f" {SCHEMA}): install that version again, or restore the dump from before the upgrade"
        )
    return version


async def note_version(collection: AsyncCollection[Document]) -> None:
    """Note the version of what is written from now on; never a lower one."""
    probe = sibling(collection, "probe").with_options(write_concern=_QUICK)
    await probe.update_one(_VERSION, {"$max": {"version": SCHEMA}}, upsert=True)


async def create(collection: AsyncCollection[Document], features: OptionalFeatures) -> None:
    """Create a collection, with zstd compression if possible; an existing one stays as it is.

    Where the server refuses to create it, the first write does.
    """
    name = collection.name
    feature = f"compression of {name} with zstd"
    if not await features.attempt(feature, _create(collection, storageEngine=_COMPRESSED)):
        await features.attempt(f"creating {name} before the first write", _create(collection))


async def try_writes(collection: AsyncCollection[Document]) -> None:
    """Write a probe, and change nothing in the sessions; raise what the server has against it."""
    probe = sibling(collection, "probe")
    await write_probe(probe.with_options(write_concern=_QUICK))
    await change_nothing(collection)


async def change_nothing(collection: AsyncCollection[Document]) -> None:
    """Update and delete no document: the server refuses this to a user without the rights."""
    quick = collection.with_options(write_concern=_QUICK)
    await quick.update_one(_NOBODY, {"$unset": {"d": ""}})
    await quick.delete_one(_NOBODY)


async def write_probe(probe: AsyncCollection[Document]) -> None:
    """Store the document of the collection `probe` that is there to be written."""
    await probe.update_one({"_id": "probe"}, {"$currentDate": {"at": True}}, upsert=True)


async def _check_version(collection: AsyncCollection[Document]) -> None:
    info = await collection.database.client.server_info()
    version = info.get("versionArray", _OLDEST)
    if tuple(version[:2]) < _OLDEST:
        number, oldest = ".".join(map(str, version[:3])), ".".join(map(str, _OLDEST))
        raise UnusableStore(f"MongoDB {number} is too old: {oldest} or newer is needed")


async def _check_kind(collection: AsyncCollection[Document]) -> None:
    listed = await collection.database.list_collections(filter={"name": collection.name})
    async for info in listed:
        kind, capped = info.get("type", "collection"), info.get("options", {}).get("capped")
        if kind != "collection" or capped:
            kind = "capped" if capped else kind
            raise UnusableStore(f"{collection.full_name}: a plain collection is needed ({kind})")


async def _create(collection: AsyncCollection[Document], **options: Any) -> None:
    try:
        await collection.database.command("create", collection.name, **options)
    except OperationFailure as error:
        if error.code != NAMESPACE_EXISTS:
            raise


def connect(
    url: str, timeout: float, *, retryable_writes: bool = True
) -> AsyncMongoClient[Document]:
    """Make a client for `url`; its options override ours. Raises `UnusableStore`."""
    milliseconds = int(timeout * 1000)
    defaults: dict[str, Any] = {
        "appName": "jmmc",
        "serverSelectionTimeoutMS": milliseconds,
        "connectTimeoutMS": milliseconds,
    }
    if not retryable_writes:
        defaults["retryWrites"] = False
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
