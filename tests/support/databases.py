"""MMDB files as MaxMind and DB-IP publish them, with addresses reserved for documentation."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from mmdb_writer import MMDBWriter
from netaddr import IPSet

_PROVIDERS = {
    "203.0.113.0/25": (64496, "Example Cable"),
    "203.0.113.128/25": (64497, "Example Fibre"),
    "2001:db8:1::/49": (64496, "Example Cable"),
    "2001:db8:1:8000::/49": (64498, "M" * 80),
    "198.51.100.0/24": (64499, None),
}
_COUNTRIES = {
    "203.0.113.0/24": "FR",
    "2001:db8:1::/48": "BE",
    "198.51.100.0/24": "ZZ",
}


def _write(path: Path, kind: str, networks: dict[str, Any], version: int, built: float) -> Path:
    writer = MMDBWriter(version, kind, ipv4_compatible=version == 6, int_type="u32")
    for network, record in networks.items():
        if version == 6 or ":" not in network:
            writer.insert_network(IPSet([network]), record)
    with patch("mmdb_writer.time", SimpleNamespace(time=lambda: built)):
        writer.to_db_file(str(path))
    return path


def asn_database(
    folder: Path, kind: str = "GeoLite2-ASN", *, version: int = 6, built: float = 1_780_000_000
) -> Path:
    """Write a database of autonomous systems; both publishers use the same records."""
    records = {
        network: {
            "autonomous_system_number": number,
            **({"autonomous_system_organization": name} if name else {}),
        }
        for network, (number, name) in _PROVIDERS.items()
    }
    return _write(folder / f"{kind.split()[0]}.mmdb", kind, records, version, built)


def country_database(
    folder: Path, kind: str = "GeoLite2-Country", *, built: float = 1_780_000_000
) -> Path:
    """Write a database of countries, with the other fields of its publisher."""
    records: dict[str, Any] = {}
    for network, code in _COUNTRIES.items():
        country: dict[str, Any] = {"iso_code": code, "names": {"en": code}}
        records[network] = {"continent": {"code": "EU"}, "country": country}
        if kind.startswith("GeoLite2"):
            records[network]["registered_country"] = {"iso_code": "US"}
    # The country of use is unknown here, only that of the registration is known.
    records["192.0.2.0/24"] = {"registered_country": {"iso_code": "US"}}
    return _write(folder / f"{kind}.mmdb", kind, records, 6, built)
