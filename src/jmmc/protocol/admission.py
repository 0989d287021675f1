"""Admission: whether a push may be stored, and as which session. The time is passed in."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from jmmc.core.errors import Rejected
from jmmc.core.model import Dialect, Push, Sample
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.protocol.decoding import Envelope
from jmmc.protocol.identity import session_of

OLDEST_AGE = 24 * 3600.0
"""Seconds; a browser keeps unconfirmed samples for a day."""

LONGEST_TRANSIT = 60.0
"""Most seconds between sending and arrival that a push may claim."""

_UUID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_SID = re.compile(r"[0-9a-f]{32}")
_LONGEST_CONF = 3072  # 256 characters, each of up to four bytes, percent-encoded.
_TENANT = re.compile(r"[^\s\x00-\x1f\x7f/\\<>\"]{1,384}")
_CACHED = 256  # Characters of names: longer ones, which are rare, would take too much memory.


class Admitted(NamedTuple):
    """A push that may be stored, and how many of its samples had an age out of range.

    Dialect v1 does not name the session: there `push.session` is empty.
    """

    push: Push
    clamped: int


class Policy:
    """What the operator allows: `conf_pattern` must match the whole name of a room.

    The name is percent-encoded; it may match as it is, or decoded, as people write it. Rooms of
    different tenants are different rooms: that of a tenant is stored as `tenant/room`.

    `pseudonyms` gives the names under which browsers and rooms are stored. A session has at most
    `most_samples` samples: a higher `seq` is refused.
    """

    def __init__(
        self,
        conf_pattern: str,
        pseudonyms: Pseudonyms | None = None,
        most_samples: int = 2**31,
    ) -> None:
        self.most_samples = most_samples
        self._room = re.compile(conf_pattern)
        self._pseudonyms = pseudonyms or Pseudonyms()
        # The same strings arrive every 30 s; checking them takes a sixth of a push.
        self._cached_owner = lru_cache(maxsize=65_536)(self._owner)

    def owner(
        self, browser_id: str, room: str, sid: str | None, tenant: str | None = None
    ) -> tuple[str, str, str]:
        """`browser_id` and `room` as they are stored, and the session of `sid`.

        Raises `Rejected`.
        """
        short = len(room) + len(tenant or "") <= _CACHED
        return (self._cached_owner if short else self._owner)(browser_id, room, sid, tenant)

    def _owner(
        self, browser_id: str, room: str, sid: str | None, tenant: str | None
    ) -> tuple[str, str, str]:
        if not _UUID.fullmatch(browser_id):
            raise Rejected("bad_uid", "uid: not a UUID")
        if not is_allowed(room, self._room):
            raise Rejected("bad_conf", "conf: does not match conf_pattern")
        if tenant:
            if not _TENANT.fullmatch(tenant):
                raise Rejected("bad_conf", "ten: not the name of a tenant")
            room = f"{tenant}/{room}"
        stored = self._pseudonyms.browser_id(browser_id.lower()), self._pseudonyms.room(room)
        if sid is None:
            return *stored, ""
        if not _SID.fullmatch(sid):
            raise Rejected("bad_sid", "sid: not 32 lower-case hex digits")
        return *stored, session_of(sid)


def is_allowed(room: str, pattern: re.Pattern[str]) -> bool:
    """Whether a room's name, percent-encoded, matches a pattern as it is, or decoded.

    A letter of most of the world's scripts is six or nine characters when it is encoded.
    """
    if len(room) > _LONGEST_CONF:  # The pattern may be slow on long names.
        return False
    return bool(pattern.fullmatch(unquote(room)) or pattern.fullmatch(room))


def admit(envelope: Envelope, policy: Policy, now: float) -> Admitted:
    """Admit a decoded push at `now` (Unix seconds). Raises `Rejected`."""
    dialect = envelope.dialect
    owner = policy.owner(envelope.uid, envelope.conf, envelope.sid, envelope.tenant)
    browser_id, room, session = owner
    if dialect is Dialect.V1:
        readings = envelope.samples[0].readings
        if readings == b"{}" and not envelope.opens:
            raise Rejected("empty", "m: no reading is left")
        sample = Sample(None, round(now), readings)
        return Admitted(Push(session, room, browser_id, dialect, (sample,), envelope.opens), 0)
    if not envelope.samples:
        raise Rejected("empty", "samples: none")
    sent = _sent_at(envelope, now)
    last = -1
    clamped = 0
    samples = []
    for decoded in envelope.samples:
        seq, age = decoded.seq, decoded.age
        assert seq is not None and age is not None
        if seq <= last:
            raise Rejected("malformed", f"samples: seq {seq} does not ascend")
        last = seq
        if not 0 <= age <= OLDEST_AGE:
            clamped += 1
            age = min(max(age, 0.0), OLDEST_AGE)
        samples.append(Sample(seq, round(sent - age), decoded.readings, decoded.full, decoded.bye))
    if last >= policy.most_samples:
        raise Rejected("session_full", f"samples: seq {last}, allowed below {policy.most_samples}")
    return Admitted(Push(session, room, browser_id, dialect, tuple(samples)), clamped)


def _sent_at(envelope: Envelope, now: float) -> float:
    """When the push left the browser, by the server's clock.

    The browser's estimate is used when it is plausible: otherwise a push that was delayed for 20 s
    would move its samples by as much.
    """
    claimed = envelope.now
    return claimed if claimed is not None and 0 <= now - claimed <= LONGEST_TRANSIT else now
