"""IP addresses as people read them, and the networks that they are in."""

from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network


@lru_cache(maxsize=4096)  # Takes 15 µs, and sessions keep their address.
def network_of(address: str) -> str:
    """The /24 of an IPv4 address, the /48 of an IPv6 address; "" for anything else."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    return str(ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))


def readable_address(stored: object) -> str:
    """A stored address as people write it; "" for anything else."""
    if isinstance(stored, int) and 0 <= stored < 2**32:
        return str(IPv4Address(stored))
    return stored if isinstance(stored, str) else ""
