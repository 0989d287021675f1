"""IP addresses as people read them, and the networks that they are in."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")  # RFC 8215
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")  # RFC 7915: stateless translators
_IPV4 = 2**32 - 1


def embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address of the host that uses an IPv6 address: None for ordinary addresses.

    IPv4-mapped, 6to4 (RFC 3056), Teredo (RFC 4380, the client's), and addresses of translators.
    The /48 of such an address would be the host itself, or all hosts.
    """
    number = int(address)
    if address in _NAT64 or address in _TRANSLATED:
        return IPv4Address(number & _IPV4)
    if address in _LOCAL_NAT64:
        return IPv4Address(_translated_locally(number))
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


def _translated_locally(number: int) -> int:
    """The IPv4 bits of an address in 64:ff9b:1::/48.

    Operators choose a prefix of 48, 56, 64 or 96 bits in it, and the bits after the IPv4 address
    are zero (RFC 6052, section 2.2). Bits 64 to 71 are zero and belong to neither.
    """
    for prefix in (48, 56, 64):
        before = 64 - prefix  # Bits of the IPv4 address before bit 64; the others follow bit 71.
        after = 32 - before
        if not number & (1 << (56 - after)) - 1:
            high = number >> 64 & (1 << before) - 1
            return high << after | number >> (56 - after) & (1 << after) - 1
    return number & _IPV4


@lru_cache(maxsize=4096)  # Takes 15 µs, and sessions keep their address.
def network_of(address: str) -> str:
    """The /24 of an IPv4 address, the /48 of an IPv6 address; "" for anything else."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address):
        parsed = embedded_ipv4(parsed) or parsed
    return str(ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))


@lru_cache(maxsize=16_384)
def _ipv4(number: int) -> str:
    return str(IPv4Address(number))


def readable_address(stored: object) -> str:
    """A stored address as people write it; "" for anything else."""
    if isinstance(stored, int) and 0 <= stored < 2**32:
        return _ipv4(stored)
    return stored if isinstance(stored, str) else ""
