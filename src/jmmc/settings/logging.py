"""What is logged, and in which form."""

from typing import Annotated, Literal

from pydantic import Field

from jmmc.core.logging import LogFormat
from jmmc.settings.values import Mark, SettingsGroup


class LoggingSettings(SettingsGroup):
    """Level and form of the log."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], Mark.LIVE] = Field(
        "info", description="Least severity that is logged."
    )
    log_format: Annotated[LogFormat, Mark.LIVE] = Field(
        "logfmt", description="Form of a line in the log: key=value pairs, or a JSON object."
    )
