"""Makes the store that a URL or the settings name."""

from pathlib import Path

from jmmc.core.errors import UnusableStore
from jmmc.core.install_hints import install_hint
from jmmc.settings import STORE_URLS, Settings, without_password
from jmmc.stores.contract import Store


def configured_store(settings: Settings, *, spool: bool, read_only: bool = False) -> Store:
    """Make the store that the settings name, not yet opened. Raises `UnusableStore`.

    With `spool`, a MongoDB store is put behind the spool in `spool_dir`. `read_only` as in
    `open_store`.
    """
    store = open_store(
        settings.store,
        collection=settings.collection,
        timeout=settings.store_timeout,
        retention_days=settings.retention_days,
        read_only=read_only,
    )
    if not (spool and settings.spool_dir and settings.store.startswith("mongodb")):
        return store
    from jmmc.stores.spool import SpooledStore

    return SpooledStore(store, Path(settings.spool_dir), limit=settings.spool_limit * 2**20)


def open_store(
    url: str,
    *,
    collection: str = "metrics-collector",
    timeout: float = 5.0,
    retention_days: int | None = None,
    read_only: bool = False,
) -> Store:
    """Make the store that `url` names, not yet opened.

    `sqlite:///calls.db` is a path relative to the working directory, `sqlite:////var/lib/x.db`
    an absolute one. `mongodb://` and `mongodb+srv://` are MongoDB's own URLs, with a database. With
    `read_only` nothing is written, created or upgraded: a user with the role `read`, and a file and
    folder without write permission, are enough. The other arguments are for MongoDB; without
    `retention_days` its retention stays as it is. Raises `UnusableStore` for any other URL.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "sqlite" and separator and rest.startswith("/") and len(rest) > 1:
        from jmmc.stores.sqlite.store import SqliteStore

        return SqliteStore(rest[1:], read_only=read_only)
    if scheme in ("mongodb", "mongodb+srv") and rest:
        try:
            from jmmc.stores.mongo.store import MongoStore
        except ImportError as error:
            raise UnusableStore(f"MongoDB needs PyMongo; {install_hint('mongo')}") from error
        return MongoStore(
            url=url,
            name=collection,
            timeout=timeout,
            retention_days=retention_days,
            read_only=read_only,
        )
    raise UnusableStore(f"store {without_password(url)!r}: expected {STORE_URLS}")
