"""Collects the call quality that browsers measure in Jitsi Meet, and reports on it.

What an app that mounts a collector, or a script that reads a store, needs is exported here; the
wings are the packages beside it.
"""

from importlib import import_module

from jmmc.core.version import __version__

TYPE_CHECKING = False  # As in `typing`, whose import would double the time until SIGHUP is held.
if TYPE_CHECKING:
    from jmmc.answers.queries import Queries
    from jmmc.answers.reader import Reader
    from jmmc.core.errors import JmmcError, SettingsError, StoreError, UnusableStore
    from jmmc.quality.filters import SummaryFilter
    from jmmc.settings import Settings
    from jmmc.stores import Store, open_store
    from jmmc.stores.mongo.store import MongoStore
    from jmmc.web.browser.app import MetricsCollector
    from jmmc.web.site import dashboard
    from jmmc.web.wsgi_per_process import PerProcess

__all__ = [
    "JmmcError",
    "MetricsCollector",
    "MongoStore",
    "PerProcess",
    "Queries",
    "Reader",
    "Settings",
    "SettingsError",
    "Store",
    "StoreError",
    "SummaryFilter",
    "UnusableStore",
    "__version__",
    "dashboard",
    "open_store",
]


_LAZY = {
    "JmmcError": "jmmc.core.errors",
    "SettingsError": "jmmc.core.errors",
    "StoreError": "jmmc.core.errors",
    "UnusableStore": "jmmc.core.errors",
    "Settings": "jmmc.settings",
    "Queries": "jmmc.answers.queries",
    "Reader": "jmmc.answers.reader",
    "Store": "jmmc.stores",
    "SummaryFilter": "jmmc.quality.filters",
    "open_store": "jmmc.stores",
    "MetricsCollector": "jmmc.web.browser.app",
    "MongoStore": "jmmc.stores.mongo.store",
    "PerProcess": "jmmc.web.wsgi_per_process",
    "dashboard": "jmmc.web.site",
}


def __getattr__(name: str) -> object:
    """Import a name when it is first used: some are slow to import, some need an extra."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
