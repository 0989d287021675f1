"""How many connections one address may hold, and how fast it may open new ones.

Without this, slow or idle connections of one address could take all file descriptors, and an
address whose requests are refused could go on at once with a new connection. The time is passed in.
"""

from collections import Counter
from functools import lru_cache

from jmmc.core.logging import logger
from jmmc.ingest.counters import Counters
from jmmc.protocol.addresses import Proxies, rate_limit_key
from jmmc.protocol.rate_limit import RateLimiter
from jmmc.settings import Settings

_log = logger(__name__)

# Times a minute that an address may renew all its connections: for a proxy that is not listed and
# opens one for each request, as many as other limits allow requests.
_TURNOVER = 12
_PART = 10  # One address gets at most this part of the files that the process may open.
_LOG_PERIOD = 60.0  # Seconds between two log events: any client could fill the log.


class ConnectionLimits:
    """Counts the open connections of each address; `files` is how many files may be open.

    Connections of `trusted_proxies` have no limit: those are of many browsers.
    """

    def __init__(self, settings: Settings, counters: Counters, files: int) -> None:
        self._counters = counters
        self._files = files
        self._open: Counter[int] = Counter()
        self._logged = 0
        self._logged_at: float | None = None
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Use these settings from the next connection on."""
        most = settings.max_connections_per_address
        self._most = min(most, max(1, self._files // _PART)) if most else 0
        self._rate_limiter = RateLimiter(_TURNOVER * self._most, burst=self._most)
        self._proxies = Proxies(settings.trusted_proxies)
        self._cached_key = lru_cache(maxsize=4096)(self._key)

    def key(self, peer: str | None) -> int | None:
        """The key of an address; None for one without a limit."""
        return None if peer is None or not self._most else self._cached_key(peer)

    def take(self, key: int) -> bool:
        """Count a new connection, and return whether it is allowed."""
        if self._open[key] < self._most:
            self._open[key] += 1
            return True
        self._counters.refused_connections += 1
        return False

    def may_begin(self, key: int, now: float) -> bool:
        """Whether a new connection may be read; `now` is seconds. If not, ask again later."""
        return not self._rate_limiter.wait(key, now)

    def release(self, key: int) -> None:
        """Count the end of a connection that was allowed."""
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]

    def report(self, now: float) -> None:
        """Log how many connections were refused, once a minute at most."""
        refused = self._counters.refused_connections - self._logged
        if refused and (self._logged_at is None or now - self._logged_at >= _LOG_PERIOD):
            _log.warning("connections_refused", count=refused, most=self._most)
            self._logged, self._logged_at = self._counters.refused_connections, now

    def _key(self, peer: str) -> int | None:
        if self._proxies.is_trusted(peer):
            return None
        address = self._proxies.client(peer, None)
        return None if address is None else rate_limit_key(address)
