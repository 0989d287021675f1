"""Collects what browsers know about the quality of Jitsi Meet calls, and keeps it."""

from typing import TYPE_CHECKING

from jmmc.errors import JmmcError, SettingsError, StoreError, UnusableStore
from jmmc.settings import Settings
from jmmc.stores import Store, open_store
from jmmc.version import __version__
from jmmc.web.app import MetricsCollector
from jmmc.web.server import dashboard

if TYPE_CHECKING:
    from jmmc.stores.mongo import MongoStore

__all__ = [
    "JmmcError",
    "MetricsCollector",
    "MongoStore",
    "Settings",
    "SettingsError",
    "Store",
    "StoreError",
    "UnusableStore",
    "__version__",
    "dashboard",
    "open_store",
]


def __getattr__(name: str) -> object:
    """`MongoStore`, when asked for: PyMongo is an extra."""
    if name == "MongoStore":
        from jmmc.stores.mongo import MongoStore

        return MongoStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
