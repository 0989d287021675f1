"""Erasure receipts, which have digests in place of names, and the filter that they make."""

import hmac
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from jmmc.core.fields import Moment
from jmmc.core.model import Push


class SubjectKind(Enum):
    """What an erasure is about; the values are those that receipts store and digest."""

    PARTICIPANT = "uid"
    ROOM = "conf"


class Subject(NamedTuple):
    """What an erasure is about: a participant or a room, by its stored name."""

    kind: SubjectKind
    name: str


class Erasure(Struct, frozen=True):
    """The receipt of one erasure: what, when and how much. `subject` is a keyed digest.

    Everything up to `until` (Unix seconds) is gone. `finished` is None while the erasure runs, and
    stays None when it was interrupted. `hours` counts the hours whose rollups were rebuilt.
    """

    id: str
    kind: SubjectKind
    subject: str
    until: Moment
    finished: Moment | None = None
    sessions: int = 0
    samples: int = 0
    summaries: int = 0
    names: int = 0
    hours: int = 0


def digest_of(subject: Subject, key: bytes) -> str:
    """The digest (HMAC-SHA-256, hex) that a receipt has in place of a name."""
    return hmac.digest(key, f"{subject.kind.value} {subject.name}".encode(), "sha256").hex()


class ErasureFilter:
    """Takes erased samples out of pushes: a browser or a spool may still hold some."""

    def __init__(self, key: bytes = b"", erasures: Iterable[Erasure] = ()) -> None:
        self._key = key
        self._until: dict[str, int] = {}
        self.erasures = tuple(erasures)
        """The receipts."""
        for erasure in self.erasures:
            self._until[erasure.subject] = max(
                erasure.until, self._until.get(erasure.subject, erasure.until)
            )
        # The same two strings come with every push; their digests cost 3 µs.
        self.until = lru_cache(maxsize=65_536)(self._until_of)

    def __bool__(self) -> bool:
        return bool(self._until)

    def _until_of(self, browser_id: str, room: str) -> int | None:
        """Up to when everything of these was erased (Unix seconds); None when nothing was."""
        subjects = (Subject(SubjectKind.PARTICIPANT, browser_id), Subject(SubjectKind.ROOM, room))
        found = [self._until.get(digest_of(subject, self._key)) for subject in subjects]
        return max((row for row in found if row is not None), default=None)

    def trimmed(self, push: Push) -> Push | None:
        """Return `push` without its erased samples; None when none is left."""
        until = self.until(push.browser_id, push.room)
        if until is None or push.samples[0].ts > until:
            return push
        samples = tuple(sample for sample in push.samples if sample.ts > until)
        return replace(push, samples=samples) if samples else None
