"""How much of its allowance each sender keeps while the collector is overloaded.

Every sender has the same allowance. While pushes are delayed, the allowance of all is reduced step
by step, until they are prompt again. So only those who send most are refused, and the others share
the rest: max-min fairness, found by additive increase and multiplicative decrease (AIMD). The
delays are passed in.
"""

DELAYED = 0.05
"""Seconds by which pushes may be delayed on average without a reduction."""

_SEVERE = 0.25  # Seconds. Below this delay a sender keeps `_GENTLE` of its allowance.
_GENTLE = 0.2  # Of 6,000 pushes a minute: an office of 600 people behind one address.
_LEAST = 0.02
_SMOOTHING = 0.05  # The weight of one observation: a single long pause is no overload.
_DECREASE = 0.8  # Of the share, at each observation while pushes are delayed.
_RECOVERY = 60.0  # Seconds from nothing to the whole allowance.


class FairShare:
    """The share of its allowance that each sender keeps: 1 as long as pushes are prompt."""

    def __init__(self) -> None:
        self.share = 1.0
        self._delay = 0.0  # Smoothed.

    @property
    def is_reduced(self) -> bool:
        """Whether the collector is, or was within a minute, overloaded."""
        return self.share < 1

    def observe(self, delay: float, seconds: float, senders: int) -> float:
        """Return the share after `seconds` in which pushes were delayed by `delay` seconds.

        Of n `senders`, each keeps at least 1/n of its allowance: alone, it takes it from nobody.
        """
        self._delay += _SMOOTHING * (delay - self._delay)
        if self._delay <= DELAYED:
            self.share = min(1.0, self.share + seconds / _RECOVERY)
        else:
            least = max(_LEAST if self._delay >= _SEVERE else _GENTLE, 1 / max(1, senders))
            self.share = max(min(least, self.share), self.share * _DECREASE)
        return self.share
