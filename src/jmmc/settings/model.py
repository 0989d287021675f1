"""All settings in one model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from jmmc.settings.alerting import AlertingSettings
from jmmc.settings.collection import CollectionSettings
from jmmc.settings.limits import LimitsSettings
from jmmc.settings.loading import load
from jmmc.settings.logging import LoggingSettings
from jmmc.settings.monitoring import MonitoringSettings
from jmmc.settings.privacy import PrivacySettings
from jmmc.settings.reporting import ReportingSettings
from jmmc.settings.server import ServerSettings
from jmmc.settings.store import StoreSettings
from jmmc.settings.values import Mark, SettingsGroup

GROUPS: tuple[type[SettingsGroup], ...] = (
    ServerSettings,
    StoreSettings,
    CollectionSettings,
    PrivacySettings,
    LimitsSettings,
    MonitoringSettings,
    AlertingSettings,
    ReportingSettings,
    LoggingSettings,
)
"""In the order of the documentation."""


class Settings(
    # Pydantic puts the fields of the last base first: this is `GROUPS` from its end.
    LoggingSettings,
    ReportingSettings,
    AlertingSettings,
    MonitoringSettings,
    LimitsSettings,
    PrivacySettings,
    CollectionSettings,
    StoreSettings,
    ServerSettings,
):
    """All settings of a collector. Frozen; an invalid value raises `SettingsError`."""

    @classmethod
    def of(cls, **values: Any) -> "Settings":
        """Make settings from keywords. Raises `SettingsError`."""
        return load_settings(flags=values, environ={}, file=None)


def load_settings(
    *, flags: Mapping[str, object], environ: Mapping[str, str], file: Path | None
) -> Settings:
    """Load the settings in force: see `load`. Raises `SettingsError`."""
    return load(Settings, flags=flags, environ=environ, file=file)


def marked(name: str, mark: Mark) -> bool:
    """Whether a setting bears a mark."""
    return mark in Settings.model_fields[name].metadata


def default_text(field: FieldInfo) -> str:
    """The default of a setting as one would write it in a flag; empty when there is none."""
    value = field.default
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)
