"""Rate limits by sender. The time is passed in."""

from collections import OrderedDict

# About 200 bytes each: at most 20 MB, from however many addresses requests come.
_MOST_SENDERS = 100_000


class Throttle:
    """One token bucket per sender: `per_minute` on average, and as many at once. 0: no limit."""

    def __init__(self, per_minute: int) -> None:
        self._burst = float(per_minute)
        self._per_second = per_minute / 60
        self._buckets: OrderedDict[int, tuple[float, float]] = OrderedDict()

    def wait(self, sender: int, now: float) -> float:
        """Take one token at `now` (seconds).

        Returns 0 when the request is allowed, else the seconds until one is.
        """
        if not self._burst:
            return 0.0
        tokens, since = self._buckets.get(sender, (self._burst, now))
        tokens = min(self._burst, tokens + max(0.0, now - since) * self._per_second)
        spent = tokens - 1 if tokens >= 1 else tokens
        self._buckets[sender] = (spent, now)
        self._buckets.move_to_end(sender)
        if len(self._buckets) > _MOST_SENDERS:
            self._buckets.popitem(last=False)
        return 0.0 if tokens >= 1 else (1 - tokens) / self._per_second
