"""Admission: whether a push may be stored, and as which session. The time is passed in."""

import re
from functools import lru_cache
from typing import NamedTuple

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
_LONGEST_CONF = 1024  # Checked before `conf_pattern`, which may be slow on long names.


class Admitted(NamedTuple):
    """A push that may be stored, and how many of its samples had an age out of range.

    Dialect v1 does not name the session: there `push.session` is empty.
    """

    push: Push
    clamped: int


class Policy:
    """What the operator allows: `conf_pattern` must match the whole name of a room.

    `pseudonyms` gives the names under which browsers and rooms are stored.
    """

    def __init__(self, conf_pattern: str, pseudonyms: Pseudonyms | None = None) -> None:
        self._room = re.compile(conf_pattern)
        self._pseudonyms = pseudonyms or Pseudonyms()
        # The same three strings arrive every 30 s; checking them takes a sixth of a push.
        self.owner = lru_cache(maxsize=65_536)(self._owner)

    def _owner(self, browser_id: str, room: str, sid: str | None) -> tuple[str, str, str]:
        """`browser_id` and `room` as they are stored, and the session of `sid`.

        Raises `Rejected`.
        """
        if not _UUID.fullmatch(browser_id):
            raise Rejected("bad_uid", "uid: not a UUID")
        if len(room) > _LONGEST_CONF or not self._room.fullmatch(room):
            raise Rejected("bad_conf", "conf: does not match conf_pattern")
        stored = self._pseudonyms.browser_id(browser_id.lower()), self._pseudonyms.room(room)
        if sid is None:
            return *stored, ""
        if not _SID.fullmatch(sid):
            raise Rejected("bad_sid", "sid: not 32 lower-case hex digits")
        return *stored, session_of(sid)


def admit(envelope: Envelope, policy: Policy, now: float) -> Admitted:
    """Admit a decoded push at `now` (Unix seconds). Raises `Rejected`."""
    dialect = envelope.dialect
    browser_id, room, session = policy.owner(envelope.uid, envelope.conf, envelope.sid)
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
    return Admitted(Push(session, room, browser_id, dialect, tuple(samples)), clamped)


def _sent_at(envelope: Envelope, now: float) -> float:
    """When the push left the browser, by the server's clock.

    The browser's estimate is used when it is plausible: otherwise a push that was delayed for 20 s
    would move its samples by as much.
    """
    claimed = envelope.now
    return claimed if claimed is not None and 0 <= now - claimed <= LONGEST_TRANSIT else now
