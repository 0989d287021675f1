"""The limits of fair and poor: named presets, each limit with its source."""

from msgspec import Struct

from jmmc.core.errors import SettingsError
from jmmc.core.readings import READINGS


class Limit(Struct, frozen=True):
    """A reading beyond `fair` or `poor` has that grade; None is no limit.

    `falling`: lower values are worse. `source` says where the numbers are from.
    """

    fair: float | None
    poor: float | None
    source: str
    falling: bool = False


class Preset(Struct, frozen=True):
    """The limits by reason; a reason without limits is not graded."""

    name: str
    limits: dict[str, Limit]


READINGS_OF: dict[str, tuple[str, ...]] = {
    **{
        reason: tuple(row.path for row in READINGS if row.reason == reason)
        for reason in dict.fromkeys(row.reason for row in READINGS if row.reason)
    },
    "mos": ("mos",),
}
"""The readings that a reason looks at: the worst of them counts. `mos` is estimated from others."""

_JITSI = "ConnectionIndicator.tsx: bars from 30, from 10"
_JITSI_LOSS = "ConnectionQuality.ts: more than 8 % loss is quality 10, more than 12 % is 0"
_DAILY = "Daily, pre-call test: good below, bad beyond"
_SINCH = "Sinch, Twilio and Teams: jitter above 30 ms"
_WEBEX = "Webex: concealment above 3 % significant, above 5 % severe"
_TEAMS = "Teams CQD, stream classification (audio)"
_TWILIO = "Twilio Voice Insights, warnings"
_PEXIP = "Pexip, perceived call quality: good, OK, bad, terrible"
_OURS = "ours: a freeze that lasts a second, or three, of a sample"

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "jitsi",
            {
                "quality": Limit(30, 10, _JITSI, falling=True),
                "loss": Limit(8, 12, _JITSI_LOSS),
                "rtt": Limit(300, 600, _DAILY),
                "jitter": Limit(30, None, _SINCH),
                "concealed": Limit(3, 5, _WEBEX),
                "frozen": Limit(3, 10, _OURS),
            },
        ),
        Preset(
            "teams",
            {
                "loss": Limit(None, 10, _TEAMS),
                "rtt": Limit(None, 500, _TEAMS),
                "jitter": Limit(None, 30, _TEAMS),
                "concealed": Limit(None, 7, "Teams CQD, older page"),
            },
        ),
        Preset(
            "twilio",
            {
                "loss": Limit(None, 3, _TWILIO),
                "rtt": Limit(None, 400, _TWILIO),
                "jitter": Limit(None, 30, _TWILIO),
                "mos": Limit(None, 3.5, _TWILIO, falling=True),
            },
        ),
        Preset(
            "pexip",
            {
                "loss": Limit(1, 3, _PEXIP),
                "jitter": Limit(40, None, "Pexip, older: one step down"),
            },
        ),
    )
}


def preset(name: str) -> Preset:
    """A preset by its name. Raises `SettingsError`."""
    try:
        return PRESETS[name]
    except KeyError:
        raise SettingsError(f"quality_preset = {name!r}: expected {', '.join(PRESETS)}") from None
