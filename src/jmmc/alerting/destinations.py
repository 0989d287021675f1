"""Which addresses notifications may go to: those of private networks only by choice.

What counts is the address that a connection is made to, after name resolution and redirects,
whichever library makes it. Python reports each one to audit hooks before it is made; ours refuses
it. It acts only inside `Destinations.guard`, in the thread and the tasks that entered it.
"""

import logging
import socket
import sys
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from jmmc.core.outgoing import proxy_urls

_EVENTS = ("socket.connect", "socket.sendto", "socket.sendmsg")
_NAT64 = ip_network("64:ff9b::/96")
# Their messages show the paths of URLs, which are secrets.
_TALKATIVE = ("apprise", "urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry")


class ForbiddenAddress(OSError):
    """A connection to an address that is not allowed; the message says which and what to do."""


class Guard:
    """What happened inside `Destinations.guard`: refused connections, messages of libraries."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.messages: list[str] = []


class Destinations:
    """The addresses that notifications may go to: public ones, and the private ones of `private`.

    `private` has networks, as in `10.0.0.0/8`.
    """

    def __init__(self, private: Sequence[str]) -> None:
        self._private = [ip_network(network) for network in private]

    @contextmanager
    def guard(self) -> Iterator[Guard]:
        """Refuse connections to other addresses, with `ForbiddenAddress`, and keep logs quiet.

        The proxies that the environment names are allowed: the operator chose them.
        """
        _install_hook()
        guard = Guard()
        token = _active.set((self, frozenset(_proxy_addresses()), guard))
        try:
            yield guard
        finally:
            _active.reset(token)

    def check_host(self, host: str) -> None:
        """Refuse a host that a proxy would connect to for us. Raises `ForbiddenAddress`.

        A name that only the proxy can resolve passes: what it may connect to is its own rule.
        """
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        refusals = [self._refusal(str(entry[4][0])) for entry in found]
        if refusals and all(refusals):
            raise ForbiddenAddress(refusals[0])

    def refusal_of(self, url: str) -> str:
        """Say why the host of a URL will be refused, without looking up names; else empty."""
        host = urlsplit(url).hostname or ""
        try:
            ip_address(host)
        except ValueError:
            if host != "localhost":
                return ""
        try:
            self.check_host(host)
        except ForbiddenAddress as error:
            return str(error)
        return ""

    def check(self, target: object, proxies: frozenset[tuple[str, int]]) -> None:
        """Refuse the address of a socket. Raises `ForbiddenAddress`."""
        if not isinstance(target, tuple):
            raise ForbiddenAddress("a socket of this machine is no target for notifications")
        host, port = str(target[0]), int(target[1])
        if (host, port) not in proxies and (refusal := self._refusal(host)):
            raise ForbiddenAddress(refusal)

    def _refusal(self, host: str) -> str:
        """Say why an address is refused; empty when it is allowed."""
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return f"{host!r} is no IP address"
        actual = _embedded(address)
        if _is_public(actual):
            return ""
        candidates = {address, actual}
        if any(item in network for item in candidates for network in self._private):
            return ""
        return (
            f"{address} is a {_kind(actual)} address; to allow it, add it to alert_private_targets"
        )


_active: ContextVar[tuple[Destinations, frozenset[tuple[str, int]], Guard] | None] = ContextVar(
    "active", default=None
)


def _hook(event: str, arguments: tuple[Any, ...], checked: Container[str] = _EVENTS) -> None:
    # By a default: at the end of the process a hook outlives the names of its module.
    if event not in checked or arguments[-1] is None:  # None: to where it is connected.
        return
    active = _active.get()
    if active is None:
        return
    destinations, proxies, guard = active
    try:
        destinations.check(arguments[-1], proxies)
    except ForbiddenAddress as error:
        guard.refusals.append(str(error))
        raise


class _Keep(logging.Filter):
    """Keeps what a library logs about a delivery out of the log, for the delivery's result."""

    def filter(self, record: logging.LogRecord) -> bool:
        active = _active.get()
        if active is None:
            return True
        if record.levelno >= logging.WARNING:
            active[2].messages.append(record.getMessage())
        return False


@cache
def _install_hook() -> None:
    """Install the hook and the filters once: a hook cannot be removed."""
    sys.addaudithook(_hook)
    keep = _Keep()
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(keep)


def _proxy_addresses() -> Iterator[tuple[str, int]]:
    for url in proxy_urls():
        try:
            parts = urlsplit(url)
            port = parts.port or {"https": 443}.get(parts.scheme, 80)
            found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError):
            continue
        for entry in found:
            yield str(entry[4][0]), port


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one that leads to it; else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_global and not address.is_multicast and not site_local


def _kind(address: IPv4Address | IPv6Address) -> str:
    if address.is_loopback:
        return "loopback"
    if address.is_link_local:
        return "link-local"
    return "private" if address.is_private else "reserved"
