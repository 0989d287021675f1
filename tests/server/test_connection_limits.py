"""The limits of connections for each address."""

from ipaddress import ip_address

from jmmc.ingest.counters import Counters
from jmmc.server.connection_limits import ConnectionLimits
from jmmc.settings import Settings

_MOST = 3


def _limits(*, files: int = 1000, trusted: str = "", most: int = _MOST) -> ConnectionLimits:
    settings = Settings.of(max_connections_per_address=most, trusted_proxies=trusted)
    return ConnectionLimits(settings, Counters(), files)


def _take(limits: ConnectionLimits, peer: str) -> bool:
    key = limits.key(peer)
    assert key is not None
    return limits.take(key)


def test_an_address_holds_as_many_connections_as_are_allowed() -> None:
    limits = _limits()
    assert [_take(limits, "192.0.2.1") for _ in range(5)] == [True] * _MOST + [False] * 2
    assert _take(limits, "192.0.2.2")
    limits.release(int(ip_address("192.0.2.1")))
    assert _take(limits, "192.0.2.1")
    assert not _take(limits, "192.0.2.1")


def test_an_address_opens_new_connections_at_a_bounded_rate() -> None:
    limits = _limits()
    begun = sum(limits.may_begin(1, tenth / 10) for tenth in range(600))
    assert begun == _MOST + 12 * _MOST - 1, "three at once, then 36 a minute"
    assert limits.may_begin(2, 60.0)


def test_ipv6_addresses_of_one_64_are_one_and_proxies_have_no_limit() -> None:
    limits = _limits(trusted="10.0.0.0/8")
    assert all(_take(limits, f"2001:db8:0:1::{host}") for host in range(_MOST))
    assert not _take(limits, "2001:db8:0:1:ffff::1")
    assert _take(limits, "2001:db8:0:2::1")
    assert limits.key("10.1.2.3") is None
    assert limits.key("::ffff:10.1.2.3") is None
    assert _limits(most=0).key("192.0.2.1") is None


def test_an_address_never_gets_more_than_a_tenth_of_the_open_files() -> None:
    limits = _limits(files=20)
    assert [_take(limits, "192.0.2.1") for _ in range(4)] == [True, True, False, False]
