"""IP addresses as people read them, and the networks that they are in."""

from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network


@lru_cache(maxsize=4096)  # Takes 15 µs, and a session keeps its address.
def network_of(address: str) -> str:
    """The /24 of an IPv4 address, the /48 of an IPv6 one; "" for what is none."""
    try:
        it = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    return str(ip_network((it, 24 if it.version == 4 else 48), strict=False))


def readable_address(stored: object) -> str:
    """An address as people write it, of the form in which it is stored."""
    if isinstance(stored, int) and 0 <= stored < 2**32:
        return str(IPv4Address(stored))
    return stored if isinstance(stored, str) else ""
