"""What likely causes need of a summary, within bounds."""

from typing import Any

import msgspec

from jmmc.quality.causes.own_causes import DEVICE_EVENTS
from jmmc.quality.size_limits import bounded_spans, bounded_spells
from jmmc.quality.summary import Setup, Summary

_MOST = 200_000  # Of an hour: 10 of each of 20,000 sessions, 75 MB.
_FEW = 5  # Of each kind in a session beyond these.
_BEFORE = 60  # Seconds before the window whose events may explain a problem at its beginning.
_NO_SETUP = Setup()
_NOTHING: dict[str, Any] = {}  # Of all, so that 20,000 need not have two each.


class Clipping:
    """Takes of summaries what likely causes need between two moments: a tenth of the memory.

    Beyond `most` spells, grade spans and events in all, those of each further session are joined
    into few, or left out. Equal names are kept once.
    """

    def __init__(self, since: int, until: int, *, most: int = _MOST) -> None:
        self._since = since
        self._until = until
        self._left = most
        self._names: dict[str, str] = {}

    def __call__(self, summary: Summary) -> Summary:
        """What likely causes need of this session."""
        since, until = self._since, self._until
        spells = tuple(
            spell for spell in summary.spells if spell.start < until and spell.end > since
        )
        spans = tuple(
            span for span in summary.grade_spans if span.start < until and span.end > since
        )
        events = tuple(
            event
            for event in summary.events
            if since - _BEFORE <= event.at < until and event.what in DEVICE_EVENTS
        )
        if self._left <= 0:
            spells = bounded_spells(spells, _FEW)
            spans = bounded_spans(spans, _FEW)
            events = events[:_FEW]
        self._left -= len(spells) + len(spans) + len(events)
        once = self._names.setdefault
        return msgspec.structs.replace(
            summary,
            quantiles=_NOTHING,
            reasons=_NOTHING,
            senders=(),
            worst_minute=None,
            setup=_NO_SETUP,
            formula="",
            address="",
            room=once(summary.room, summary.room),
            network=once(summary.network, summary.network),
            region=once(summary.region, summary.region),
            browser=once(summary.browser, summary.browser),
            os=once(summary.os, summary.os),
            spells=spells,
            grade_spans=spans,
            events=events,
        )
