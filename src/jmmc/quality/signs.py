"""Signs: of which kind a problem is, and in which direction of the media.

Reasons say which limit was passed; signs say where to look. They are what likely causes are told
apart by (`quality.causes`).
"""

from collections.abc import Collection, Iterator, Mapping

from jmmc.core.readings import READINGS
from jmmc.quality.timeline import State

CUT, UP, DOWN, DELAY = "cut", "up", "down", "delay"
NARROW, MACHINE, MEDIA = "narrow", "machine", "media"
SIGNS = (CUT, UP, DOWN, DELAY, NARROW, MACHINE, MEDIA)
"""No connection; packets lost on the way up; on the way down; round-trip time or jitter; too little
bandwidth; a machine that is too slow; sound or pictures that break off."""

_OF_REASON: Mapping[str, str] = {
    "interrupted": CUT,
    "rtt": DELAY,
    "jitter": DELAY,
    "bandwidth": NARROW,
    "cpu": MACHINE,
    "concealed": MEDIA,
    "frozen": MEDIA,
}
_LOST = {
    direction: tuple(
        row.path for row in READINGS if row.reason == "loss" and row.path.startswith(prefix)
    )
    for direction, prefix in ((UP, "u."), (DOWN, "d."))
}
BAD_SENDER = {"audio_lost": 5.0, "concealed": 3.0, "video_lost": 5.0, "frozen": 5.0}
"""Percentages from which on a sender's media are bad: those of `experience` for fair."""
_PART = 0.6  # Of the loss in the worse direction, from which the other one has a part in it.
_SOME_LOSS = 2.0  # Percent that explain what another reason says: Jitsi's quality falls from there.
_BUSY = {"lt": 40.0, "d.drp": 15.0}  # Percent at which a page, or its decoder, is too slow.


def signs_at(state: State, reasons: Collection[str]) -> Iterator[str]:
    """Yield the signs of a moment that is not good, by its reasons and readings."""
    for reason in reasons:
        if reason in _OF_REASON:
            yield _OF_REASON[reason]
    if CUT in map(_OF_REASON.get, reasons):
        return
    lost = {direction: _worst(state, paths) for direction, paths in _LOST.items()}
    least = max(_SOME_LOSS, _PART * max(lost.values()))
    for direction, percent in lost.items():
        if percent >= least:
            yield direction
    if MACHINE not in map(_OF_REASON.get, reasons) and any(
        _worst(state, (path,)) >= percent for path, percent in _BUSY.items()
    ):
        yield MACHINE


def senders_at(state: State) -> Iterator[str]:
    """Yield the endpoints whose sound or pictures arrive badly, as this browser says."""
    for endpoint, shares in named_senders(state):
        if isinstance(endpoint, str) and any(
            share is not None and share >= least
            for share, least in zip(shares, BAD_SENDER.values(), strict=True)
        ):
            yield endpoint


def named_senders(state: State) -> Iterator[tuple[object, list[float | None]]]:
    """Yield the worst senders that a browser names: the endpoint, and the shares of `BAD_SENDER`.

    A share is None where it is unknown. Imported files may have anything: what is no list of a
    sender is left out.
    """
    listed = state.get("d.by")
    for sender in listed if isinstance(listed, list) else ():
        if isinstance(sender, list) and len(sender) == 1 + len(BAD_SENDER):
            endpoint, *shares = sender
            yield endpoint, [share if type(share) in (int, float) else None for share in shares]


def _worst(state: State, paths: Collection[str]) -> float:
    values = (state.get(path) for path in paths)
    return max((value for value in values if type(value) in (int, float)), default=0.0)  # type: ignore[type-var,return-value]
