"""The limits of fair and poor: named presets, each limit with its source."""

from msgspec import Struct

from jmmc.core.errors import SettingsError
from jmmc.core.readings import READINGS


class Limit(Struct, frozen=True):
    """A reading beyond `fair` or `poor` has that grade; None is no limit.

    `falling`: lower values are worse. `source` says where the numbers are from.

    `needs_sign`: the reading counts only while another one gives a sign of a problem: it is beyond
    its own `sign`, which is a lower limit, or beyond a limit. A reading beyond its `sign` only is
    still good. One that needs a sign gives none.

    `margin`: a reading that has passed a limit counts as beyond it until it is better by this share
    of the limit. `readings`: those that are looked at, where they are not those of `READINGS_OF`.
    """

    fair: float | None
    poor: float | None
    source: str
    falling: bool = False
    sign: float | None = None
    needs_sign: bool = False
    margin: float = 0.1
    readings: tuple[str, ...] = ()


class Limitation(Struct, frozen=True):
    """When sent video that the browser limits (reasons `cpu` and `bandwidth`) is fair.

    Others see it: it has fewer lines than `height`, or fewer frames a second than `frame_rate`.
    Higher than `camera` is a shared screen, whose frame rate is low by intention. In the first
    `settling` seconds of a video the browser looks for the bandwidth that there is: then the
    limitation counts only while another reading gives a sign of a problem.
    """

    height: float
    frame_rate: float
    camera: float
    settling: int
    source: str


class Preset(Struct, frozen=True):
    """The limits by reason; a reason without limits is not graded.

    `needed`: a moment is good only when at least one of these reasons is known, for the others say
    little about what is heard and seen. `limitation` is None where limited video is not graded.
    """

    name: str
    limits: dict[str, Limit]
    limitation: Limitation | None = None
    needed: tuple[str, ...] = ("loss", "concealed", "frozen", "quality")


READINGS_OF: dict[str, tuple[str, ...]] = {
    **{
        reason: tuple(row.path for row in READINGS if row.reason == reason)
        for reason in dict.fromkeys(row.reason for row in READINGS if row.reason)
    },
    "mos": ("mos",),
}
"""The readings that a reason looks at: the worst of them counts.

`mos` and `mos_twilio` are estimated from others (`quality.mos`).
"""

_JITSI = "ConnectionIndicator.tsx: bars from 30, from 10"
_JITSI_LOSS = "ConnectionQuality.ts: more than 8 % loss is quality 10, more than 12 % is 0"
_DAILY = "Daily, pre-call test: good below, bad beyond"
_SINCH = "Sinch, Twilio and Teams: jitter above 30 ms"
_WEBEX = "Webex: concealment above 3 % significant, above 5 % severe"
_TEAMS = "Teams CQD, stream classification (audio)"
_TWILIO = "Twilio Voice Insights, warnings"
_PEXIP = "Pexip, perceived call quality: good, OK, bad, terrible"
_OURS = "ours: a freeze that lasts a second, or three, of a sample of 30 s"
_AGORA = "ours: one freeze of 500 ms in 10 s, or three; Agora counts freezes from 500 ms on"
_ITU = (
    "ITU-T G.107 Annex B and G.109: below R 70 (MOS 3.60) many users are dissatisfied, below R 60"
    " (MOS 3.10) nearly all, below R 80 (MOS 4.03) some"
)
_EN = (
    "EN 301 549, 6.5.1: good from 20 frames/s and CIF, which has 288 lines; Jitsi Meet's cameras"
    " send at most 720 lines; recorded calls: the bandwidth is found after 20 to 30 s"
)

_LIMITED_VIDEO = Limitation(height=288, frame_rate=20, camera=720, settling=30, source=_EN)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "experience",
            {
                "loss": Limit(
                    5, 10, f"{_DAILY}; sign: ConnectionQuality.ts, up to 2 % is quality 100", sign=2
                ),
                "rtt": Limit(300, 600, _DAILY),
                "jitter": Limit(None, None, _SINCH, sign=30),
                "concealed": Limit(3, 5, f"{_WEBEX}; sign: ours, a third", sign=1),
                "frozen": Limit(5, 15, f"{_AGORA}; sign: ours, a fifth", sign=1),
                # A tenth of a limit would be more than half of the width of a class of G.109.
                "mos": Limit(3.6, 3.1, _ITU, falling=True, sign=4.03, margin=0.03),
                "quality": Limit(30, None, _JITSI, falling=True, needs_sign=True),
            },
            limitation=_LIMITED_VIDEO,
        ),
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
            limitation=_LIMITED_VIDEO,
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
                "mos": Limit(
                    None,
                    3.5,
                    f"{_TWILIO}; of the MOS by Twilio's formula",
                    falling=True,
                    readings=("mos_twilio",),
                ),
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
