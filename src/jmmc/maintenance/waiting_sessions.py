"""The sessions whose summaries wait, in an order that is fair to those who sent them."""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from heapq import heappop, heappush

SESSION_WORK = 20
"""The work for a session without its samples, in samples."""

_MOST_SESSIONS = 60_000  # 16 MB.


class WaitingSessions:
    """Sessions that wait, of which every sender gets the same share of the work done.

    Whoever has very many of them delays its own. `work_of` gives the sender of a session and its
    work; None where nothing is known of it: all such sessions together get as large a share as all
    senders, since most of them may be those of another process, or of one sender.

    A session comes after the sessions that finish earlier at an equal rate for all senders. What
    comes later does not overtake for ever: it begins at what is done now (self-clocked fair
    queueing, Golestani 1994). Sessions of one sender keep their order.

    Where `most` wait, a sender with its share of them gets no further one in. The rest waits in
    the store.
    """

    def __init__(
        self,
        work_of: Callable[[str], tuple[Hashable, int] | None],
        *,
        most: int = _MOST_SESSIONS,
    ) -> None:
        self._work_of = work_of
        self._most = most
        self._sender_of: dict[str, Hashable] = {}
        self._sessions_of = Counter[Hashable]()
        self._finished: dict[Hashable, float] = {}  # By the work for the sender's last session.
        self._done = 0.0  # The work at which the next session finishes.
        self._heap: list[tuple[float, int, str]] = []
        self._added = 0
        self._front: dict[str, None] = {}  # Those that have left the heap.

    def __len__(self) -> int:
        return len(self._sender_of)

    def __contains__(self, session: str) -> bool:
        return session in self._sender_of

    def add(self, sessions: Iterable[str]) -> None:
        """Add the sessions that do not wait already."""
        for session in sessions:
            if session not in self._sender_of:
                self._add(session)

    def _add(self, session: str) -> None:
        known = self._work_of(session)
        sender, work = (None, SESSION_WORK) if known is None else known
        senders = len(self._sessions_of)
        if len(self) >= self._most and self._sessions_of[sender] * senders >= self._most:
            return
        share = 1 if known else max(1, senders)
        finished = max(self._done, self._finished.get(sender, 0.0)) + work / share
        self._finished[sender] = finished
        self._sender_of[session] = sender
        self._sessions_of[sender] += 1
        self._added += 1
        heappush(self._heap, (finished, self._added, session))

    def first(self, most: int) -> Sequence[str]:
        """The first `most` sessions. They wait until they are removed."""
        while self._heap and len(self._front) < most:
            self._done, _, session = heappop(self._heap)
            self._front[session] = None
        return [*self._front][:most]

    def remove(self, sessions: Collection[str]) -> None:
        """Remove sessions that `first` returned; others are left alone."""
        for session in sessions:
            if session not in self._front:
                continue
            del self._front[session]
            sender = self._sender_of.pop(session)
            self._sessions_of[sender] -= 1
            if not self._sessions_of[sender]:
                del self._sessions_of[sender], self._finished[sender]

    def clear(self) -> None:
        """Remove all sessions."""
        self._sender_of.clear()
        self._sessions_of.clear()
        self._finished.clear()
        self._heap.clear()
        self._front.clear()
        self._done = 0.0
