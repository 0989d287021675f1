"""What browsers collect, from which pages and calls, and how it is graded."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from jmmc.settings.values import LiveFlag, LiveNumber, LiveReal, Mark, SettingsGroup, split


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from None
    return value


def _push_url(value: str) -> str:
    if re.search(r"\s", value) or not (
        re.match(r"https?://[^/]", value) or re.fullmatch(r"[\w./~-]+", value)
    ):
        raise ValueError("an http or https URL, or a path relative to the script's own URL")
    return value


def _origin(value: str) -> str:
    if value != "*" and not re.fullmatch(r"https?://[^/\s?#]+", value):
        raise ValueError(f"origins such as https://meet.example.org, or *, not {value!r}")
    return value


_Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(split)]


_Texts = Annotated[tuple[str, ...], BeforeValidator(split)]


class CollectionSettings(SettingsGroup):
    """What browsers send, and how it is graded."""

    conf_pattern: Annotated[str, AfterValidator(_pattern), Mark.LIVE] = Field(
        r"[^\s\x00-\x1f\x7f/\\<>\"]{1,256}",
        description=(
            "Regular expression that the whole name of a conference must match. Jitsi sends names"
            " in lower case and percent-encoded."
        ),
    )
    authorized_regions: Annotated[_Texts, Mark.LIVE] = Field(
        (), description="Server regions that may be stored; empty allows any. Comma-separated."
    )
    enabled: LiveFlag = Field(True, description="Whether browsers collect at all.")
    sample_ratio: LiveReal = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the conferences to collect; each is in or out as a whole.",
    )
    push_interval: int = Field(
        30, ge=1, le=3600, description="Seconds between two pushes of a browser."
    )
    sample_interval: LiveNumber = Field(
        30,
        ge=1,
        le=3600,
        description="Seconds that one sample sums up; 10 keeps every event that Jitsi raises.",
    )
    push_url: Annotated[str, AfterValidator(_push_url), Mark.LIVE] = Field(
        "push",
        description=(
            "Where browsers push to: absolute, or relative to the URL that they loaded the"
            " script from."
        ),
    )
    allowed_origins: Annotated[_Origins, Mark.LIVE] = Field(
        ("*",),
        description=(
            "Origins of the Jitsi Meet pages, comma-separated. * lets any page push, without"
            " credentials; the ancestor's script on another origin needs its own listed."
        ),
    )
    quality_preset: Literal["jitsi", "teams", "twilio", "pexip"] = Field(
        "jitsi",
        description=(
            "Whose limits tell good from fair and poor; after a change, `jmmc rebuild` judges"
            " again what is stored."
        ),
    )
