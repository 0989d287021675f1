"""IP addresses: the address that sent a request, and its stored form."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Literal, NamedTuple

from jmmc.quality.addresses import embedded_ipv4

Address = IPv4Address | IPv6Address
Kept = Literal["truncated", "full", "none"]
"""How much of an address is kept."""

ForwardedHeader = Literal["x-forwarded-for", "forwarded"]
"""The header in which proxies pass on the address of the browser."""

_IPV4_KEPT = 0xFFFFFF00  # The /24
_IPV6_KEPT = (2**48 - 1) << 80  # The /48
_LONGEST_CHAIN = 512  # Characters, for a dozen proxies: bounds the memory of the cache.

# One parameter of a Forwarded element (RFC 7239), with what often is not quoted although it must.
_PARAMETER = re.compile(r"\s*([\w-]+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^\s\";,]*)\s*(?:;|$)")


class Origin(NamedTuple):
    """Who sent a request: the address of the browser, and its `rate_limit_key`; None if unknown."""

    address: Address | None
    key: int | None


class Proxies:
    """The proxies that are trusted, and the header that they add the address of a request to."""

    def __init__(self, trusted: Sequence[str], header: ForwardedHeader = "x-forwarded-for") -> None:
        """`trusted`: addresses or networks, as in `10.0.0.0/8` or `::1`."""
        self.header: ForwardedHeader = header
        self._hops: Callable[[str], Iterator[str]] = (
            _forwarded_hops if header == "forwarded" else _forwarded_for_hops
        )
        self._trusted: list[IPv4Network | IPv6Network] = [ip_network(item) for item in trusted]
        # Parsing costs 3 µs an address; a browser comes back from the same one every 30 s.
        self._cached = lru_cache(maxsize=65_536)(self._origin)
        self.is_trusted = lru_cache(maxsize=4096)(self._is_trusted)
        """Whether the other end of a connection is one of these proxies; `peer` is its address."""

    def client(self, peer: str | None, forwarded: str | None) -> Address | None:
        """The address of the browser, None when it is unknown; see `origin`."""
        return self.origin(peer, forwarded).address

    def origin(self, peer: str | None, forwarded: str | None) -> Origin:
        """Who sent a request.

        `peer` is the other end of the connection, None for a Unix socket, which is trusted: only
        this machine can connect to it. `forwarded` is the value of `header`, all its lines as one
        list. It is read from the right, as long as the hop that added an entry is
        trusted. An entry without an address (`unknown`, `_hidden`, an empty one) ends it: the
        address is that of the proxy that added the entry.
        """
        if forwarded is not None and len(forwarded) > _LONGEST_CHAIN:
            forwarded = forwarded[-_LONGEST_CHAIN:].partition(",")[2]
        return self._cached(peer, forwarded)

    def _is_trusted(self, peer: str | None) -> bool:
        address = _parse(peer)
        return address is not None and self._trusts(address)

    def _origin(self, peer: str | None, forwarded: str | None) -> Origin:
        address = self._client(peer, forwarded)
        return Origin(address, None if address is None else rate_limit_key(address))

    def _client(self, peer: str | None, forwarded: str | None) -> Address | None:
        address = _parse(peer)
        is_trusted = peer is None or (address is not None and self._trusts(address))
        for hop in self._hops(forwarded) if forwarded is not None else ():
            previous = _parse(hop) if is_trusted else None
            if previous is None:
                break
            address, is_trusted = previous, self._trusts(previous)
        return address

    def _trusts(self, address: Address) -> bool:
        return any(
            address.version == network.version and address in network for network in self._trusted
        )


def stored_form(address: Address) -> int | str:
    """The stored form of an address: IPv4 as an unsigned 32-bit integer, IPv6 as a string."""
    return int(address) if isinstance(address, IPv4Address) else str(address)


def truncated(stored: int | str) -> int | str | None:
    """The first address of the network of a stored address: the /24, for IPv6 the /48.

    Of an IPv6 address with an IPv4 address in it (6to4, NAT64, Teredo) it is the /24 of that.

    None for text that is not an address: it cannot be truncated, so it must not be stored.
    """
    return stored & _IPV4_KEPT if isinstance(stored, int) else _truncated_text(stored)


@lru_cache(maxsize=4096)
def _truncated_text(text: str) -> int | str | None:
    try:
        # A zone names a network interface of the browser's machine.
        address = IPv6Address(text.partition("%")[0])
    except ValueError:
        return None
    if (ipv4 := embedded_ipv4(address)) is not None:
        return int(ipv4) & _IPV4_KEPT
    return str(IPv6Address(int(address) & _IPV6_KEPT))


def rate_limit_key(address: Address) -> int:
    """The key of a sender for rate limits: an IPv4 address, or the /64 of an IPv6 address.

    An IPv6 address with an IPv4 address in it is limited as that: 6to4 gives each host 65,536 /64s,
    and all hosts behind NAT64 are in one.
    """
    if isinstance(address, IPv6Address):
        ipv4 = embedded_ipv4(address)
        if ipv4 is None:
            return -(int(address) >> 64) - 1
        address = ipv4
    return int(address)


def _forwarded_for_hops(header: str) -> Iterator[str]:
    """The entries of X-Forwarded-For, last first."""
    return (hop.strip() for hop in reversed(header.split(",")))


def _forwarded_hops(header: str) -> Iterator[str]:
    """The nodes that the elements of Forwarded are `for`, last first; "" without one."""
    return map(_node, _elements(header))


def _elements(header: str) -> Iterator[str]:
    """The elements of a Forwarded header, last first.

    It is read from its end, so that an open quote of a client's cannot swallow what proxies add.
    """
    end, is_quoted = len(header), False
    for index in range(end - 1, -1, -1):
        character = header[index]
        if character == '"':
            before = header[:index]
            is_escaped = is_quoted and (index - len(before.rstrip("\\"))) % 2 == 1
            is_quoted = is_quoted == is_escaped
        elif character == "," and not is_quoted:
            yield header[index + 1 : end]
            end = index
    yield header[:end]


def _node(element: str) -> str:
    """The node of the parameter `for`; "" if there is none, or the element is malformed."""
    found: list[str] = []
    at = 0
    while at < len(element):
        if (match := _PARAMETER.match(element, at)) is None:
            return ""
        name, value = match.groups()
        if name.lower() == "for":
            found.append(re.sub(r"\\(.)", r"\1", value[1:-1]) if value[:1] == '"' else value)
        at = match.end()
    return found[0] if len(found) == 1 else ""


def _parse(text: str | None) -> Address | None:
    if text is None:
        return None
    try:
        address = ip_address(_without_port(text))
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _without_port(text: str) -> str:
    """Some proxies write `1.2.3.4:5678` and `[2001:db8::1]:5678`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
