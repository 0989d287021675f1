"""What the groups of settings share: their base, lists in a text, URLs, and marks."""

import re
from enum import Enum
from typing import Annotated

from pydantic import BaseModel, ConfigDict


class SettingsGroup(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Mark(Enum):
    """What else there is to know of a setting."""

    LIVE = "may change while the collector runs"


LiveFlag = Annotated[bool, Mark.LIVE]
LiveNumber = Annotated[int, Mark.LIVE]
LiveReal = Annotated[float, Mark.LIVE]


def split(value: object) -> object:
    """A list from a flag or the environment is separated by commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def check_url(value: str) -> str:
    """Check an HTTP URL, whose host is not looked up."""
    if not re.fullmatch(r"https?://[^\s/]+[^\s]*", value):
        raise ValueError("http or https URLs")
    return value


def without_password(url: str) -> str:
    """A URL that may be shown."""
    return re.sub(r"(?<=://)([^/@:]*):[^/]*@", r"\1:***@", url)
