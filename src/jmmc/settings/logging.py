"""What is logged, and in which format."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from jmmc.core.logging import LogFormat
from jmmc.settings.values import Mark, SettingsGroup


class LoggingSettings(SettingsGroup):
    """Level and format of the log."""

    title: ClassVar = "Logging"

    log_level: Annotated[Literal["debug", "info", "warning", "error"], Mark.LIVE] = Field(
        "info", description="Lowest level that is logged."
    )
    log_format: Annotated[LogFormat, Mark.LIVE] = Field(
        "logfmt", description="Format of a line: logfmt is key=value pairs, json is a JSON object."
    )
