"""Samples with everything that holds, under full names with units: for curves and for tables."""

from collections.abc import Iterator, Mapping
from typing import Any

from jmmc.core.model import Session
from jmmc.quality.summary import readable_address
from jmmc.quality.timeline import Value, carried

COLUMNS: Mapping[str, str] = {
    "browser": "br",
    "os": "os",
    "endpoint_id": "pid",
    "jitsi_meeting_id": "mid",
    "quality": "cq",
    "up_bandwidth_kbps": "u.bw",
    "up_bitrate_audio_kbps": "u.ab",
    "up_bitrate_video_kbps": "u.vb",
    "up_loss_percent": "u.pl",
    "up_jitter_ms": "u.jit",
    "up_frame_rate_fps": "u.fr",
    "up_limitation": "u.lim",
    "down_bandwidth_kbps": "d.bw",
    "down_bitrate_audio_kbps": "d.ab",
    "down_bitrate_video_kbps": "d.vb",
    "down_loss_percent": "d.pl",
    "down_jitter_ms": "d.jit",
    "down_frame_rate_fps": "d.fr",
    "down_frozen_percent": "d.frz",
    "down_concealed_percent": "d.cnc",
    "rtt_ms": "rtt",
    "transport": "t.tp",
    "transport_p2p": "t.p2p",
    "remote_address": "t.ip",
    "remote_port": "t.p",
    "local_address": "t.lip",
    "local_port": "t.lp",
    "seen_address": "t.rip",
    "provider": "t.asn",
    "country": "t.cc",
    "server_region": "t.sr",
    "network_type": "t.net",
    "local_candidate": "t.lct",
    "remote_candidate": "t.rct",
    "sent_height_px": "res.h",
    "sent_width_px": "res.w",
    "highest_height_px": "mer",
    "codec_audio": "cdc.a",
    "codec_video": "cdc.v",
    "page_visible": "vis",
    "participants": "n",
    "interrupted": "interrupted",
}
"""Name outside, and path in the protocol's table."""

_ADDRESSES = frozenset({"t.ip", "t.lip", "t.rip"})
_CURVES = tuple(
    column
    for column in COLUMNS
    if column not in ("browser", "os", "endpoint_id", "jitsi_meeting_id")
)


def rows(session: Session) -> Iterator[dict[str, Any]]:
    """One row a sample, all readings carried forward; None where unknown."""
    for sample, state in carried(session):
        yield {
            "session": session.id,
            "room": session.room,
            "participant_id": session.browser_id,
            "time": sample.ts,
            "seq": sample.seq,
            "left": sample.bye,
            **{name: _shown(path, state.get(path)) for name, path in COLUMNS.items()},
        }


def curves(
    session: Session,
) -> tuple[tuple[int, ...], dict[str, tuple[float | str | bool | None, ...]]]:
    """The times of the samples, and by name the values that held from each; unknown ones left out.

    A curve of which nothing is known is not there.
    """
    its = list(carried(session))
    found: dict[str, tuple[float | str | bool | None, ...]] = {}
    for name in _CURVES:
        path = COLUMNS[name]
        values = tuple(_shown(path, state.get(path)) for _, state in its)
        if any(value is not None for value in values):
            found[name] = values
    return tuple(sample.ts for sample, _ in its), found


def _shown(path: str, value: Value | None) -> float | str | bool | None:
    if path in _ADDRESSES:
        return readable_address(value) or None
    return None if isinstance(value, list) else value
