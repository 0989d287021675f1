"""Collects what browsers know about the quality of Jitsi Meet calls, and keeps it."""

from jmmc.errors import JmmcError, SettingsError, StoreError, UnusableStore
from jmmc.settings import Settings
from jmmc.stores import Store, open_store
from jmmc.version import __version__
from jmmc.web.app import MetricsCollector

__all__ = [
    "JmmcError",
    "MetricsCollector",
    "Settings",
    "SettingsError",
    "Store",
    "StoreError",
    "UnusableStore",
    "__version__",
    "open_store",
]
