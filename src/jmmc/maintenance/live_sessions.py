"""The running sessions whose summaries this process makes, as the live view needs them.

Reading 10,000 running summaries from a store for each look at the live view takes half a second of
CPU; these are at hand.
"""

from collections.abc import Iterable, Sequence, Set

from jmmc.core.partitions import partition_of
from jmmc.quality.summary import LiveSession, Summary
from jmmc.stores import EVERY_PARTITION


class LiveSessions:
    """Running sessions of the partitions that are known, some 300 bytes each.

    A partition is known once its stored summaries were taken, and each later one is noted.
    """

    def __init__(self) -> None:
        self.partitions: frozenset[int] = frozenset()
        """The partitions that are known."""
        self._sessions: dict[str, LiveSession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def everybody(self) -> Sequence[LiveSession] | None:
        """All running sessions of the store; None while only those of some rooms are known."""
        return [*self._sessions.values()] if self.partitions == EVERY_PARTITION else None

    def take(self, partitions: Set[int], running: Iterable[Summary]) -> None:
        """Know these partitions, too; `running` are their stored summaries."""
        self.leave(partitions)  # What was noted of them meanwhile may be older.
        self.partitions |= partitions
        for summary in running:
            self.note(summary)

    def leave(self, partitions: Set[int]) -> None:
        """Forget these partitions."""
        if partitions:
            self.partitions -= partitions
            self._sessions = {
                id_: session
                for id_, session in self._sessions.items()
                if partition_of(session.room) not in partitions
            }

    def note(self, summary: Summary) -> None:
        """Note the summary that was stored last of a session."""
        if summary.running:
            self._sessions[summary.session] = LiveSession.of(summary)
        else:
            self._sessions.pop(summary.session, None)
