"""May this push enter? Decides; touches nothing. The clock's time is passed in."""

import re
from functools import lru_cache
from typing import NamedTuple

from jmmc.core.errors import Rejected
from jmmc.core.model import Dialect, Push, Sample
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.protocol.decoding import Envelope
from jmmc.protocol.identity import session_of

OLDEST_AGE = 24 * 3600.0
"""Seconds; a browser keeps what is not confirmed for a day."""

LONGEST_TRANSIT = 60.0
"""Seconds that a push may claim to have been on its way."""

_UUID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_SID = re.compile(r"[0-9a-f]{32}")
_LONGEST_CONF = 1024  # Before the operator's pattern sees it: a bad pattern must not cost minutes.


class Admitted(NamedTuple):
    """A push that may be stored, and how many of its samples had an absurd age.

    Dialect v1 does not say which session it means: there `push.session` is empty.
    """

    push: Push
    clamped: int


class Policy:
    """What the operator allows: `conf_pattern` must match the whole name of a conference.

    `pseudonyms` gives the names under which a browser and a conference are stored.
    """

    def __init__(self, conf_pattern: str, pseudonyms: Pseudonyms | None = None) -> None:
        self._room = re.compile(conf_pattern)
        self._pseudonyms = pseudonyms or Pseudonyms()
        # The same three strings come every 30 s; judging them costs a sixth of a push.
        self.owner = lru_cache(maxsize=65_536)(self._owner)

    def _owner(self, browser_id: str, room: str, sid: str | None) -> tuple[str, str, str]:
        """`browser_id` and `room` as they are stored, and the session that `sid` means.

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
    """Judge a decoded push at `now` (Unix seconds). Raises `Rejected`."""
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
    for item in envelope.samples:
        seq, age = item.seq, item.age
        assert seq is not None and age is not None
        if seq <= last:
            raise Rejected("malformed", f"samples: seq {seq} does not ascend")
        last = seq
        if not 0 <= age <= OLDEST_AGE:
            clamped += 1
            age = min(max(age, 0.0), OLDEST_AGE)
        samples.append(Sample(seq, round(sent - age), item.readings, item.full, item.bye))
    return Admitted(Push(session, room, browser_id, dialect, tuple(samples)), clamped)


def _sent_at(envelope: Envelope, now: float) -> float:
    """When the push left the browser, by our clock.

    The browser's own estimate counts when it is plausible: a push that a bad line holds up for
    20 s would otherwise move its samples by as much.
    """
    claimed = envelope.now
    return claimed if claimed is not None and 0 <= now - claimed <= LONGEST_TRANSIT else now
