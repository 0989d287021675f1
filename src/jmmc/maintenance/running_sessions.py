"""Remembers running sessions as summed up so far, so that only their new samples are read."""

from typing import NamedTuple

from jmmc.core.model import Progress
from jmmc.quality.summary import Summary

_MOST_BYTES = 192 * 2**20  # Of some 100,000 sessions, each 1.5 KB and what holds it.
_MOST_SUMMARIES = 12_000  # Each some 3 KB. Reading one from the store takes 35 µs of CPU.
_MOST_PROBLEMS = 10  # Of a summary at hand, each 0.6 KB: it may have 200.
_OVERHEAD = 350  # Bytes: the entry, its key and the objects around the encoded session.


class RememberedSession(NamedTuple):
    """A session that was summed up: how far it was known, and `SessionAccumulator.encode`."""

    progress: Progress
    accumulated: bytes


class RunningSessions:
    """Sessions by id, in at most `most_bytes`: beyond that the one used least recently goes.

    What is gone is summed up from the store again. It has their summaries, too, where there are not
    very many sessions, but for those with many problems, and as long as no other process can have
    stored others.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._sessions: dict[str, RememberedSession] = {}
        self._summaries: dict[str, Summary] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._sessions)

    def __contains__(self, session: str) -> bool:
        return session in self._sessions

    def get(self, session: str, samples: int) -> RememberedSession | None:
        """The session, if it was summed up from exactly so many samples as its stored summary."""
        remembered = self._sessions.get(session)
        if remembered is None or remembered.progress.samples != samples:
            return None
        return remembered

    def samples(self, session: str) -> int:
        """From how many samples a session was summed up; 0 where it is not remembered."""
        remembered = self._sessions.get(session)
        return remembered.progress.samples if remembered else 0

    def summary(self, session: str) -> Summary | None:
        """The stored summary of a session, where it is at hand."""
        return self._summaries.get(session)

    def put(self, remembered: RememberedSession, summary: Summary | None = None) -> None:
        """Remember a session in place of what was known of it; `summary` is the stored one."""
        session = remembered.progress.session
        self.forget(session)
        if len(self._sessions) >= _MOST_SUMMARIES:
            self._summaries.clear()
        elif summary is not None and len(summary.spells) <= _MOST_PROBLEMS:
            self._summaries[session] = summary
        self._sessions[session] = remembered
        self._bytes += len(remembered.accumulated) + _OVERHEAD
        while self._bytes > self._most_bytes:
            self.forget(next(iter(self._sessions)))

    def forget(self, session: str) -> None:
        """Forget a session: it is over, or it was erased."""
        remembered = self._sessions.pop(session, None)
        self._summaries.pop(session, None)
        if remembered is not None:
            self._bytes -= len(remembered.accumulated) + _OVERHEAD

    def forget_summaries(self) -> None:
        """Forget all summaries: another process may have stored others."""
        self._summaries.clear()

    def clear(self) -> None:
        """Forget every session."""
        self._sessions.clear()
        self._summaries.clear()
        self._bytes = 0
