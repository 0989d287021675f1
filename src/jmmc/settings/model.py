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
from jmmc.settings.server import ServerSettings
from jmmc.settings.store import StoreSettings
from jmmc.settings.values import Mark


class Settings(
    # pydantic puts the fields of the last base first.
    LoggingSettings,
    AlertingSettings,
    MonitoringSettings,
    LimitsSettings,
    PrivacySettings,
    CollectionSettings,
    StoreSettings,
    ServerSettings,
):
    """How a collector behaves. Frozen; a bad value raises `SettingsError`."""

    @classmethod
    def of(cls, **values: Any) -> "Settings":
        """Settings from keywords. Raises `SettingsError`."""
        return load_settings(flags=values, environ={}, file=None)


def load_settings(
    *, flags: Mapping[str, object], environ: Mapping[str, str], file: Path | None
) -> Settings:
    """The settings in force: see `load`."""
    return load(Settings, flags=flags, environ=environ, file=file)


def marked(name: str, mark: Mark) -> bool:
    """Whether a setting bears a mark."""
    return mark in Settings.model_fields[name].metadata


def default_text(field: FieldInfo) -> str:
    """A setting's default as one would write it in a flag; empty when there is none."""
    value = field.default
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)
