"""What a push costs its sender, and how much one session may hold. The time is passed in."""

from collections.abc import Sequence

from jmmc.core.errors import Rejected
from jmmc.core.model import Dialect, Push
from jmmc.protocol.decoding import DecodedSample
from jmmc.protocol.rate_limit import RateLimiter

_DAY = 86_400

_FINEST = 10.0
"""Seconds between two statistics of Jitsi; a sample for each is what a session may hold."""

_MARGIN = 4
"""How many times as many samples a session may send: events are samples too."""

_SAMPLE_BYTES = 400
"""Readings of a usual sample are smaller; a larger sample counts as several."""

_BODY_BYTES = 2048
"""Of a body that cost one token: an ordinary push is smaller."""

_SAMPLES = 10
"""Samples that cost one token: an ordinary push has one to three."""

_DOCUMENT = 60
"""Samples of one document in MongoDB. Each further document that a push writes to is a token."""

_NEW_AT_ONCE = 1 / 4  # Of the pushes that are allowed: a school of 1,500 joins at nine,
_NEW_PER_MINUTE = 1 / 100  # and changes rooms twice an hour.
_LEAST_NEW = 10  # At once, and a minute, however few pushes are allowed.

OVERLOADED = 5
"""How many times the further tokens of a push count while the collector is overloaded."""


def body_cost(body: bytes) -> int:
    """The further tokens of a body, whatever is in it: 0 for an ordinary push."""
    return len(body) // _BODY_BYTES


def samples_cost(samples: Sequence[DecodedSample]) -> int:
    """The further tokens of a body's samples: 0 for an ordinary push."""
    if len(samples) == 1:
        return 0
    seqs = [sample.seq or 0 for sample in samples]
    documents = len({seq // _DOCUMENT for seq in seqs})
    return len(seqs) // _SAMPLES + max(0, documents - 1)


def new_sessions(pushes_per_minute: int) -> RateLimiter:
    """How many sessions an address may open, which is allowed so many pushes; 0: no limit.

    A session costs some ten pushes: rows, a summary (0.5 ms), a place in every list and sum.
    """
    if not pushes_per_minute:
        return RateLimiter(0)
    return RateLimiter(
        max(_LEAST_NEW, pushes_per_minute * _NEW_PER_MINUTE),
        burst=max(_LEAST_NEW, pushes_per_minute * _NEW_AT_ONCE),
    )


def most_samples(max_session_days: float, sample_interval: float) -> int:
    """How many samples a session may have, so the `seq` from which on they are refused."""
    return round(max_session_days * _DAY / min(_FINEST, sample_interval))


class SessionBudgets:
    """Limits what each session sends: a day of samples at once, then four times the usual rate.

    The number of samples in all is limited by their `seq`. A session of dialect v1, which has none,
    ends `max_session_days` after its id was made.
    """

    def __init__(self, *, max_session_days: float, sample_interval: float) -> None:
        self._longest = max_session_days * _DAY
        interval = min(_FINEST, sample_interval)
        self._rate_limiter = RateLimiter(_MARGIN * 60 / interval, burst=_DAY / interval)

    def charge(self, push: Push, now: float) -> None:
        """Take what a push costs from its session's budget. Raises `Rejected`."""
        if push.dialect is Dialect.V1 and now - int(push.session[:8], 16) > self._longest:
            raise Rejected("session_full", "the session is older than max_session_days")
        cost = 0.0
        for sample in push.samples:  # A generator takes half a microsecond.
            cost += len(sample.readings) / _SAMPLE_BYTES
        cost = max(len(push.samples), cost)
        if wait := self._rate_limiter.wait(push.session, now, cost):
            detail = "this session sends too much"
            raise Rejected("throttled", detail, retry_after=int(wait) + 1)
