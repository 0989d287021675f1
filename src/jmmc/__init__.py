"""Collects what browsers know about the quality of Jitsi Meet calls, and keeps it."""

from importlib import import_module
from typing import TYPE_CHECKING

from jmmc.core.errors import JmmcError, SettingsError, StoreError, UnusableStore
from jmmc.core.version import __version__
from jmmc.settings import Settings
from jmmc.stores import Store, open_store

if TYPE_CHECKING:
    from jmmc.stores.mongo.store import MongoStore
    from jmmc.web.browser.app import MetricsCollector
    from jmmc.web.site import dashboard

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


_WHEN_ASKED_FOR = {
    "MetricsCollector": "jmmc.web.browser.app",
    "MongoStore": "jmmc.stores.mongo.store",
    "dashboard": "jmmc.web.site",
}


def __getattr__(name: str) -> object:
    """What takes long to import, which most commands do without, or needs an extra."""
    if name not in _WHEN_ASKED_FOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHEN_ASKED_FOR[name]), name)
