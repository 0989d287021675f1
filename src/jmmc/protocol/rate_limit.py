"""How much one sender may send. The caller tells the time."""

from collections import OrderedDict

# Each entry is about 200 bytes: 20 MB at the most, whoever sends from however many addresses.
_MOST_SENDERS = 100_000


class Throttle:
    """A token bucket a sender: `per_minute` on average, and as many at once. 0 never limits."""

    def __init__(self, per_minute: int) -> None:
        self._burst = float(per_minute)
        self._per_second = per_minute / 60
        self._buckets: OrderedDict[int, tuple[float, float]] = OrderedDict()

    def wait(self, sender: int, now: float) -> float:
        """Take one token at `now` (seconds).

        Answers 0 when the sender may go on, else the seconds until it may.
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
