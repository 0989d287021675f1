"""IP addresses: the address that sent a request, and its stored form."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Literal

Address = IPv4Address | IPv6Address
Kept = Literal["truncated", "full", "none"]
"""How much of an address is kept."""

_IPV4_KEPT = 0xFFFFFF00  # The /24
_IPV6_KEPT = (2**48 - 1) << 80  # The /48
_LONGEST_CHAIN = 512  # Characters, for a dozen proxies: bounds the memory of the cache.


class Proxies:
    """The proxies whose `X-Forwarded-For` is trusted."""

    def __init__(self, trusted: Sequence[str]) -> None:
        """`trusted`: addresses or networks, as in `10.0.0.0/8` or `::1`."""
        self._trusted: list[IPv4Network | IPv6Network] = [ip_network(item) for item in trusted]
        # Parsing costs 3 µs an address; a browser comes back from the same one every 30 s.
        self._cached = lru_cache(maxsize=65_536)(self._client)

    def client(self, peer: str | None, forwarded: str | None) -> Address | None:
        """The address of the browser, None when it is unknown.

        `peer` is the other end of the connection, `forwarded` the X-Forwarded-For header. The
        header is read from the right, as long as the hop that added an entry is trusted.
        """
        if forwarded is not None and len(forwarded) > _LONGEST_CHAIN:
            forwarded = forwarded[-_LONGEST_CHAIN:].partition(",")[2]
        return self._cached(peer, forwarded)

    def _client(self, peer: str | None, forwarded: str | None) -> Address | None:
        address = _parse(peer)
        if address is None or forwarded is None:
            return address
        for hop in reversed(forwarded.split(",")):
            if not self._trusts(address):
                break
            previous = _parse(hop.strip())
            if previous is None:
                break
            address = previous
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
    if address.ipv4_mapped is not None:
        return int(address.ipv4_mapped) & _IPV4_KEPT
    return str(IPv6Address(int(address) & _IPV6_KEPT))


def throttle_key(address: Address) -> int:
    """The key of a sender for rate limits: an IPv4 address, or the /64 of an IPv6 address."""
    return int(address) if isinstance(address, IPv4Address) else -(int(address) >> 64) - 1


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
