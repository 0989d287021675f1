"""Which calls browsers measure, what they send and where, and how it is graded."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from jmmc.settings.values import LiveFlag, LiveNumber, LiveReal, Mark, SettingsGroup, split


def _check_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from None
    return value


def _check_push_url(value: str) -> str:
    if re.search(r"\s", value) or not (
        re.match(r"https?://[^/]", value) or re.fullmatch(r"[\w./~-]+", value)
    ):
        raise ValueError("an http or https URL, or a path relative to the script's own URL")
    return value


def _check_origin(value: str) -> str:
    if value != "*" and not re.fullmatch(r"https?://[^/\s?#]+", value):
        raise ValueError(f"origins such as https://meet.example.org, or *, not {value!r}")
    return value


_Texts = Annotated[tuple[str, ...], BeforeValidator(split)]
_Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_check_origin)], ...], BeforeValidator(split)
]


class CollectionSettings(SettingsGroup):
    """What browsers send, and how it is graded."""

    title: ClassVar = "Collection"

    conf_pattern: Annotated[str, AfterValidator(_check_pattern), Mark.LIVE] = Field(
        r"[^\s\x00-\x1f\x7f/\\<>\"]{1,256}",
        description=(
            "Regular expression that the whole name of a room must match. Jitsi sends room names in"
            " lower case and percent-encoded."
        ),
    )
    authorized_regions: Annotated[_Texts, Mark.LIVE] = Field(
        (),
        description=(
            "Server regions that are stored, comma-separated; other names are dropped from the"
            " samples. Empty: every region is stored."
        ),
    )
    enabled: LiveFlag = Field(True, description="Whether browsers measure and push at all.")
    sample_ratio: LiveReal = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the rooms that are measured; a room is in or out as a whole.",
    )
    collect_recorders: LiveFlag = Field(
        False,
        description="Whether recorders and SIP gateways (Jibri) are measured like participants.",
    )
    push_interval: int = Field(
        30, ge=1, le=3600, description="Seconds between two pushes of a browser."
    )
    sample_interval: LiveNumber = Field(
        10,
        ge=1,
        le=3600,
        description=(
            "Seconds that one sample covers. Jitsi has statistics every 10 seconds: a shorter"
            " interval gives no more samples, a longer one means of several statistics."
        ),
    )
    support_code: Annotated[Literal["off", "code", "notice"], Mark.LIVE] = Field(
        "off",
        description=(
            "Whether each session has a short code by which support finds it: code lets the page"
            " ask for it with window.jmmc.code(), notice also shows it to the participant."
        ),
    )
    ask_rating: LiveReal = Field(
        0.0,
        ge=0,
        le=1,
        description=(
            "Share of the calls after which a browser asks how the call was. Calls of less than"
            " three minutes are left out, and no browser asks twice in a day."
        ),
    )
    push_url: Annotated[str, AfterValidator(_check_push_url), Mark.LIVE] = Field(
        "push",
        description="URL that browsers push to: absolute, or relative to the URL of the script.",
    )
    allowed_origins: Annotated[_Origins, Mark.LIVE] = Field(
        ("*",),
        description=(
            "Origins of the Jitsi Meet pages, comma-separated. * lets any page push, without"
            " credentials; to use the Express.js middleware's script from another origin, list that"
            " origin."
        ),
    )
    quality_preset: Literal["experience", "jitsi", "teams", "twilio", "pexip"] = Field(
        "experience",
        description=(
            "Thresholds of the grades good, fair and poor: `experience` by what is heard and seen,"
            " the others by the limits of that product. After a change, `jmmc rebuild` grades"
            " stored sessions again."
        ),
    )
