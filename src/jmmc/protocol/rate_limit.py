"""Rate limits by sender. The time is passed in."""

from collections import OrderedDict
from collections.abc import Hashable

# About 200 bytes each: at most 20 MB, from however many addresses requests come.
_MOST_SENDERS = 100_000

_FEW_SENDERS = 5000  # Beyond these, senders whose tokens have refilled are forgotten: 2 ms.


class RateLimiter:
    """One token bucket per sender: `per_minute` tokens on average, and `burst` at once.

    0: no limit. `burst` is `per_minute` where it is not given.
    """

    def __init__(self, per_minute: float, burst: float | None = None) -> None:
        self._full_burst = self._burst = float(per_minute if burst is None else burst)
        self._full_per_second = self._per_second = per_minute / 60
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._many = _FEW_SENDERS

    @property
    def senders(self) -> int:
        """How many senders there were of late: of many, those are forgotten that have refilled."""
        return len(self._buckets)

    def reduce(self, share: float) -> None:
        """From now on, allow every sender this share (at most 1) of what it is usually allowed.

        A sender that sends less than this notices nothing; one that has saved up more loses it. One
        request stays allowed.
        """
        self._burst = max(self._full_burst * share, min(1.0, self._full_burst))
        self._per_second = self._full_per_second * share

    def wait(self, sender: Hashable, now: float, cost: float = 1.0) -> float:
        """Take the tokens of a request at `now` (seconds).

        Returns 0 when the request is allowed, else the seconds until one is. A request is allowed
        when there is one token. One that costs more leaves a debt, which the sender waits for
        before its next request: so the dearest request is allowed too, and none is free.
        """
        if not self._burst:
            return 0.0
        tokens = self._tokens(sender, now)
        allowed = tokens >= 1
        self._keep(sender, tokens - cost if allowed else tokens, now)
        return 0.0 if allowed else (1 - tokens) / self._per_second

    def charge(self, sender: Hashable, now: float, cost: float) -> None:
        """Take further tokens for a request that was allowed and turns out to cost more."""
        if self._burst and cost:
            self._keep(sender, self._tokens(sender, now) - cost, now)

    def _tokens(self, sender: Hashable, now: float) -> float:
        burst = self._burst
        bucket = self._buckets.get(sender)
        if bucket is None:
            return burst
        tokens, since = bucket
        if now > since:
            tokens += (now - since) * self._per_second
        return burst if tokens > burst else tokens

    def _keep(self, sender: Hashable, tokens: float, now: float) -> None:
        self._buckets[sender] = (tokens, now)
        self._buckets.move_to_end(sender)
        if len(self._buckets) > _MOST_SENDERS:
            self._buckets.popitem(last=False)
        elif len(self._buckets) > _FEW_SENDERS:
            self._forget_oldest(now)

    def _forget_oldest(self, now: float) -> None:
        """Forget the two that were there longest ago, if they have refilled: most have by then."""
        for _ in range(2):
            sender = next(iter(self._buckets))
            if self._tokens(sender, now) < self._burst:
                if len(self._buckets) > self._many:
                    self._forget_refilled(now)
                return
            del self._buckets[sender]

    def _forget_refilled(self, now: float) -> None:
        """Forget senders that may send as much as one that is not known."""
        refilled = [sender for sender in self._buckets if self._tokens(sender, now) >= self._burst]
        for sender in refilled:
            del self._buckets[sender]
        # Looking at all of them is seldom, however many have not refilled.
        self._many = max(_FEW_SENDERS, 2 * len(self._buckets))
