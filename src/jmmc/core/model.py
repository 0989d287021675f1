"""The data types that wings pass to each other. All are frozen."""

from enum import Enum
from typing import NamedTuple

from msgspec import Struct


class Dialect(Enum):
    """The version of the push protocol that a session uses."""

    V1 = 1
    V2 = 2


class Sample(Struct, frozen=True, gc=False):
    """The readings of one moment, as a delta: an absent reading is unchanged.

    `ts` is Unix seconds on the collector's clock. `readings` is a canonical JSON object with the
    protocol's short keys. `seq` is None in dialect v1, which has no numbers: the store counts.
    `full` means that `readings` has every known reading; `bye` that the participant left at `ts`.
    """

    seq: int | None
    ts: int
    readings: bytes
    full: bool = False
    bye: bool = False


class Push(Struct, frozen=True, gc=False):
    """The samples that one admitted request adds to a session.

    `session` is the session's id (24 hex digits). `opens` allows the store to create the session
    if it does not exist. `samples` is in ascending order of `seq`.
    """

    session: str
    room: str
    browser_id: str
    dialect: Dialect
    samples: tuple[Sample, ...]
    opens: bool = True


class Receipt(Struct, frozen=True, gc=False):
    """The store's confirmation of one push, returned when the push is on stable storage.

    `ack` is the highest `seq` up to which every sample that the browser still held is stored
    (None in dialect v1). `gap` means that samples before or inside this push are missing, and
    that nothing in it replaces them: the browser should send a full sample.
    """

    ack: int | None
    gap: bool = False


class Refusal(Enum):
    """Why a working store did not take one push of a batch."""

    UNKNOWN_SESSION = "unknown session"
    OTHER_OWNER = "the session belongs to another uid or conf"


class Session(Struct, frozen=True):
    """One browser's stay in one meeting, with its samples in order of `seq`.

    `began` is the `ts` of the sample that opened the session.
    """

    id: str
    room: str
    browser_id: str
    dialect: Dialect
    began: int
    samples: tuple[Sample, ...]

    def as_push(self, samples: tuple[Sample, ...] | None = None) -> Push:
        """Return the push that stores these samples of the session, or all of them."""
        kept = self.samples if samples is None else samples
        return Push(self.id, self.room, self.browser_id, self.dialect, kept)


class Progress(NamedTuple):
    """How far a session is known: its first `samples`, of which the last has number `seq`."""

    session: str
    samples: int
    seq: int


class SessionFilter(Struct, frozen=True):
    """A selection of sessions: those that match every criterion that is given.

    `since` (inclusive) and `until` (exclusive) are Unix seconds and apply to `Session.began`.
    """

    room: str | None = None
    browser_id: str | None = None
    since: int | None = None
    until: int | None = None

    def fits(self, session: Session) -> bool:
        """Whether the session matches every criterion."""
        return (
            self.room in (None, session.room)
            and self.browser_id in (None, session.browser_id)
            and (self.since is None or session.began >= self.since)
            and (self.until is None or session.began < self.until)
        )


class Erased(NamedTuple):
    """The number of sessions and samples that a store deleted in one step."""

    sessions: int = 0
    samples: int = 0


class Disk(NamedTuple):
    """A disk that a store writes to: its name in sentences, its free bytes.

    `takes_pushes`: whether pushes go to it now.
    """

    name: str
    free: int
    takes_pushes: bool = True


class Condition(Struct, frozen=True):
    """The state of a store that accepts writes.

    `spooled` is the number of bytes in the local spool while the database is unreachable; None
    when writes go to the database. `size` is the size of the store on disk, in bytes. `put_aside`
    is the number of samples that the database refused, kept in a file beside the spool. `reusable`
    is the part of `size` that deleted data left for new data; None where that is not known.
    """

    spooled: int | None = None
    size: int | None = None
    put_aside: int = 0
    reusable: int | None = None


_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z: the limit of ISO 8601 and Python.
_LAST_SEQ = 2**31 - 1


def second_of(value: object) -> int | None:
    """Read Unix seconds that another program stored, as an integer or a JavaScript double."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= _LAST_SECOND else None


def seq_of(value: object) -> int | None:
    """Read a sample's `seq` that another program stored."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return int(value) if 0 <= value <= _LAST_SEQ else None
