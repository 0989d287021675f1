"""Where sessions are stored, and for how long."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from jmmc.settings.values import SettingsGroup

STORE_URLS = "sqlite:///relative.db, sqlite:////absolute.db or mongodb://host/database"
"""What a store's URL may be."""


def _store(value: str) -> str:
    if not re.match(r"sqlite:///.|mongodb(\+srv)?://.", value):
        raise ValueError(STORE_URLS)
    return value


class StoreSettings(SettingsGroup):
    """The database, its retention periods and the spool."""

    store: Annotated[str, AfterValidator(_store)] = Field(
        "sqlite:///jmmc.db",
        min_length=1,
        description=(
            "URL of the store: sqlite:///relative.db, sqlite:////absolute.db or any URL of MongoDB"
            " that names a database: mongodb://host/database."
        ),
    )
    collection: str = Field(
        "metrics-collector",
        min_length=1,
        max_length=120,
        pattern=r"^[^$\x00]+$",
        description="Collection of the MongoDB database; the ancestor's can be used as it is.",
    )
    store_timeout: float = Field(
        5,
        gt=0,
        le=300,
        description="Seconds that MongoDB may take for one operation before it counts as down.",
    )
    retention_days: int = Field(
        0, ge=0, le=24_855, description="Days after which samples are deleted; 0 keeps them."
    )
    summary_retention_days: int = Field(
        0,
        ge=0,
        le=24_855,
        description=(
            "Days after which summaries, the names that can be searched for and the sums for"
            " comparisons are deleted too; 0 keeps them."
        ),
    )
    spool_dir: str = Field(
        "jmmc-spool",
        description=(
            "Folder in which pushes wait while MongoDB cannot be written; one collector each."
            " Empty: they are refused (503) and wait in the browsers. Not used with SQLite."
        ),
    )
    spool_limit: int = Field(
        1024, ge=1, description="MiB that the spool may have; beyond, pushes are refused (503)."
    )
