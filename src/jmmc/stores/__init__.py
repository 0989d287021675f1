"""Stores, chosen by URL."""

from jmmc.errors import UnusableStore
from jmmc.stores.base import Store

__all__ = ["Store", "open_store"]


def open_store(url: str) -> Store:
    """The store that `url` names, not yet opened.

    `sqlite:///calls.db` is a path relative to the working directory, `sqlite:////var/lib/x.db`
    an absolute one. Raises `UnusableStore` for anything else.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "sqlite" and separator and rest.startswith("/") and len(rest) > 1:
        from jmmc.stores.sqlite import SqliteStore

        return SqliteStore(rest[1:])
    raise UnusableStore(f"store {url!r}: expected sqlite:///relative.db or sqlite:////absolute.db")
