"""Which curves of a session stand together in one picture, and under which names."""

from typing import NamedTuple

import msgspec

from jmmc.answers.model import SessionDetail


class Plot(NamedTuple):
    """One picture of curves: its title, unit, and what each curve of the answer is called in it.

    Without a unit the values are words, such as a codec.
    """

    title: str
    unit: str
    series: tuple[tuple[str, str], ...]


PLOTS = (
    Plot("Connection quality", "of 100", (("quality", "quality"),)),
    Plot("Loss", "%", (("down_loss_percent", "received"), ("up_loss_percent", "sent"))),
    Plot("Round-trip time", "ms", (("rtt_ms", "round trip"),)),
    Plot("Jitter", "ms", (("down_jitter_ms", "received"), ("up_jitter_ms", "sent"))),
    Plot(
        "Video bitrate",
        "kbit/s",
        (("down_bitrate_video_kbps", "received"), ("up_bitrate_video_kbps", "sent")),
    ),
    Plot(
        "Audio bitrate",
        "kbit/s",
        (("down_bitrate_audio_kbps", "received"), ("up_bitrate_audio_kbps", "sent")),
    ),
    Plot(
        "Estimated bandwidth",
        "kbit/s",
        (("down_bandwidth_kbps", "down"), ("up_bandwidth_kbps", "up")),
    ),
    Plot("Height of the sent video", "px", (("sent_height_px", "sent"),)),
    Plot("Frame rate", "fps", (("down_frame_rate_fps", "received"), ("up_frame_rate_fps", "sent"))),
    Plot(
        "Video that stood still, audio made up",
        "%",
        (("down_frozen_percent", "video"), ("down_concealed_percent", "audio")),
    ),
    Plot("Codec", "", (("codec_video", "video"), ("codec_audio", "audio"))),
    Plot("Transport", "", (("transport", "transport"),)),
)


def curves_of(whole: SessionDetail) -> str:
    """What the script of the page draws, as JSON."""
    names = [name for plot in PLOTS for name, _ in plot.series]
    content = {
        "times": whole.times,
        "end": whole.summary.ended,
        "curves": {name: whole.curves[name] for name in names if name in whole.curves},
        "spells": [
            (spell.spell.start, spell.spell.end, spell.spell.grade.name.lower())
            for spell in whole.spells
        ],
        "marks": [at for at, _ in whole.events],
    }
    return msgspec.json.encode(content).decode().replace("<", "\\u003c")
