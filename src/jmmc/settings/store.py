"""Where sessions are stored, for how long, and where pushes wait while the database is down."""

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from jmmc.settings.values import LiveNumber, Mark, SettingsGroup

STORE_URLS = "sqlite:///relative.db, sqlite:////absolute.db or mongodb://host/database"
"""The forms that the URL of a store may have."""


def _check_store(value: str) -> str:
    if not re.match(r"sqlite:///.|mongodb(\+srv)?://.", value):
        raise ValueError(STORE_URLS)
    return value


class StoreSettings(SettingsGroup):
    """The database, its retention periods and the spool."""

    title: ClassVar = "Store"

    store: Annotated[str, AfterValidator(_check_store), Mark.FILE] = Field(
        "sqlite:///jmmc.db",
        min_length=1,
        description=(
            "URL of the store: sqlite:///relative.db, sqlite:////absolute.db, or any MongoDB URL"
            " that names a database: mongodb://host/database."
        ),
    )
    collection: str = Field(
        "metrics-collector",
        min_length=1,
        max_length=120,
        pattern=r"^[^$\x00]+$",
        description=(
            "Collection of the MongoDB database; the existing collection of the Express.js"
            " middleware can be used."
        ),
    )
    store_timeout: float = Field(
        5,
        gt=0,
        le=300,
        description="Seconds after which an operation of MongoDB counts as failed.",
    )
    retention_days: int = Field(
        0, ge=0, le=24_855, description="Days after which samples are deleted; 0 keeps them."
    )
    summary_retention_days: int = Field(
        0,
        ge=0,
        le=24_855,
        description=(
            "Days after which summaries, searchable names and rollups are deleted too; 0 keeps"
            " them."
        ),
    )
    spool_dir: str = Field(
        "jmmc-spool",
        description=(
            "Folder where pushes wait while MongoDB cannot be written; each collector needs its"
            " own. Empty: such pushes get 503 and wait in the browsers. Not used with SQLite."
        ),
    )
    spool_limit: int = Field(
        1024, ge=1, description="Maximum size of the spool in MiB; pushes beyond it get 503."
    )
    min_free_disk: LiveNumber = Field(
        256,
        ge=0,
        le=2**30,
        description=(
            "Free space in MiB, of the disk of the SQLite file, of MongoDB or of a spool in use,"
            " below which new sessions get 503; below a quarter of it every push does. 0: no limit."
        ),
    )
