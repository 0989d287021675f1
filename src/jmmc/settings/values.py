"""What the groups of settings share: their base class, marks, lists and URLs."""

import re
from enum import Enum
from ipaddress import ip_network
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


class SettingsGroup(BaseModel):
    """Settings that belong together; `title` is their heading in the documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    title: ClassVar[str]


class Mark(Enum):
    """A property of a setting beside its type and bounds."""

    LIVE = "may change while the collector runs"
    HIDDEN = "its value is never shown"
    FILE = "may hold a secret, so it may be read from a file, as the hidden ones"


LiveFlag = Annotated[bool, Mark.LIVE]
LiveNumber = Annotated[int, Mark.LIVE]
LiveReal = Annotated[float, Mark.LIVE]


def split(value: object) -> object:
    """Split a list, as a flag, the environment or a file gives it: by commas or lines."""
    if isinstance(value, str):
        return [part.strip() for part in re.split(r"[,\n]", value) if part.strip()]
    return value


def _check_network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:
        raise ValueError(f"IP addresses or networks such as 10.0.0.0/8, not {value!r}") from None
    return value


Networks = Annotated[
    tuple[Annotated[str, AfterValidator(_check_network)], ...], BeforeValidator(split)
]


def check_url(value: str) -> str:
    """Check the form of an HTTP URL. Raises `ValueError`."""
    if not re.fullmatch(r"https?://[^\s/]+[^\s]*", value):
        raise ValueError("http or https URLs")
    return value


def without_password(url: str) -> str:
    """Mask the password in a URL, so that it may be shown."""
    return re.sub(r"(?<=://)([^/@:]*):[^/]*@", r"\1:***@", url)
