"""Every setting, defined once: default, bounds, and the description that operators read.

A field of a group gives a flag, an environment variable, a key in TOML and a row in
docs/reference/settings.md. Flags, environment and file enter; a frozen `Settings` leaves, or one
line that says what is wrong. This wing knows nothing of what the settings are used for.
"""

from jmmc.settings.alert_rules import (
    KINDS,
    LOCAL_KINDS,
    DiskFull,
    Drops,
    FailedJoins,
    GroupRule,
    IncidentBegun,
    NoPushes,
    PoorShare,
    Rule,
    StoreDown,
)
from jmmc.settings.changes import Change, changed
from jmmc.settings.loading import environment_name, gather, given_in_environment
from jmmc.settings.model import GROUPS, Settings, default_text, load_settings, marked
from jmmc.settings.new_file import NewFile, new_secret
from jmmc.settings.secret_files import FILE_SUFFIX, may_be_in_a_file
from jmmc.settings.store import STORE_URLS
from jmmc.settings.values import Mark, without_password

__all__ = [
    "FILE_SUFFIX",
    "GROUPS",
    "KINDS",
    "LOCAL_KINDS",
    "STORE_URLS",
    "Change",
    "DiskFull",
    "Drops",
    "FailedJoins",
    "GroupRule",
    "IncidentBegun",
    "Mark",
    "NewFile",
    "NoPushes",
    "PoorShare",
    "Rule",
    "Settings",
    "StoreDown",
    "alert_rules",
    "changed",
    "default_text",
    "environment_name",
    "gather",
    "given_in_environment",
    "load_settings",
    "marked",
    "may_be_in_a_file",
    "new_secret",
    "without_password",
]
