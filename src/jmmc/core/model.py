"""The nouns that travel through the house. All are frozen."""

from enum import Enum
from typing import NamedTuple

from msgspec import Struct


class Dialect(Enum):
    """Which of the two forms of the push protocol a session speaks."""

    V1 = 1
    V2 = 2


class Sample(Struct, frozen=True, gc=False):
    """The readings of one instant, sparse: an absent reading is unchanged.

    `ts` is Unix seconds on the collector's clock. `readings` is a canonical JSON object in the
    letters of the protocol. `seq` is None in dialect v1, which numbers nothing: there the store
    counts. `full` says that `readings` is everything known, not a delta; `bye` that the
    participant left at `ts`.
    """

    seq: int | None
    ts: int
    readings: bytes
    full: bool = False
    bye: bool = False


class Push(Struct, frozen=True, gc=False):
    """What one admitted HTTP body adds to a session.

    `session` is the session's id (24 hex digits). `opens` allows the store to make the session
    when it does not have it. `samples` ascends by `seq`.
    """

    session: str
    room: str
    browser_id: str
    dialect: Dialect
    samples: tuple[Sample, ...]
    opens: bool = True


class Receipt(Struct, frozen=True, gc=False):
    """What the store did with one push; the push is on stable storage when it is returned.

    `ack` is the highest `seq` up to which everything that the browser still held is stored
    (None in dialect v1). `gap` tells that samples before this push, or inside it, are missing,
    and that nothing in it fills them in: the browser should send a full sample.
    """

    ack: int | None
    gap: bool = False


class Refusal(Enum):
    """Why the store did not take one push of a batch, although it works."""

    UNKNOWN_SESSION = "unknown session"
    OTHER_OWNER = "the session belongs to another uid or conf"


class Session(Struct, frozen=True):
    """One browser's presence in one conference, with its samples in order of `seq`.

    `began` is the `ts` of the sample that opened it.
    """

    id: str
    room: str
    browser_id: str
    dialect: Dialect
    began: int
    samples: tuple[Sample, ...]


class SessionFilter(Struct, frozen=True):
    """Which sessions are meant: those that fit every part that is given.

    `since` (inclusive) and `until` (exclusive) are Unix seconds and speak of `Session.began`.
    """

    room: str | None = None
    browser_id: str | None = None
    since: int | None = None
    until: int | None = None

    def fits(self, session: Session) -> bool:
        """Whether the session is meant."""
        return (
            self.room in (None, session.room)
            and self.browser_id in (None, session.browser_id)
            and (self.since is None or session.began >= self.since)
            and (self.until is None or session.began < self.until)
        )


class Erased(NamedTuple):
    """How much a store has deleted in one step."""

    sessions: int = 0
    samples: int = 0


class Condition(Struct, frozen=True):
    """How a store that takes writes does it.

    `spooled` is the number of bytes that wait on this machine until the database is back; None
    when everything goes to where it belongs. `size` is what the store takes on disk, in bytes.
    """

    spooled: int | None = None
    size: int | None = None


_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z, what ISO 8601 and Python can say.
_LAST_SEQ = 2**31 - 1


def second_of(value: object) -> int | None:
    """Unix seconds that another writer stored, as an integer or as the double of JavaScript."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= _LAST_SECOND else None


def seq_of(value: object) -> int | None:
    """A sample's number that another writer stored."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return int(value) if 0 <= value <= _LAST_SEQ else None
