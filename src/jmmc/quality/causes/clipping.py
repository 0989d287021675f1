"""What likely causes need of a summary, within bounds."""

import msgspec

from jmmc.quality.size_limits import bounded_spans, bounded_spells
from jmmc.quality.summary import Summary

_MOST = 200_000  # Of an hour: 10 of each of 20,000 sessions, 75 MB.
_FEW = 5  # Of each kind in a session beyond these.
_BEFORE = 60  # Seconds before the window whose events may explain a problem at its beginning.


class Clipping:
    """Takes of summaries what likely causes need between two moments: a tenth of the memory.

    Beyond `most` spells and grade spans in all, those of each further session are joined into few.
    """

    def __init__(self, since: int, until: int, *, most: int = _MOST) -> None:
        self._since = since
        self._until = until
        self._left = most

    def __call__(self, summary: Summary) -> Summary:
        """What likely causes need of this session."""
        since, until = self._since, self._until
        spells = tuple(
            spell for spell in summary.spells if spell.start < until and spell.end > since
        )
        spans = tuple(
            span for span in summary.grade_spans if span.start < until and span.end > since
        )
        if self._left <= 0:
            spells = bounded_spells(spells, _FEW)
            spans = bounded_spans(spans, _FEW)
        self._left -= len(spells) + len(spans)
        return msgspec.structs.replace(
            summary,
            quantiles={},
            reasons={},
            senders=(),
            worst_minute=None,
            spells=spells,
            grade_spans=spans,
            events=tuple(event for event in summary.events if since - _BEFORE <= event.at < until),
        )
