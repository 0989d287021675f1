"""Looks up the provider and the country of an address in the operator's database files.

The files are in the MaxMind DB format, as MaxMind (GeoLite2, GeoIP2) and DB-IP (Lite) publish it.
This stands in `ingest` and not in `protocol`, which does no I/O.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from jmmc.core.errors import SettingsError
from jmmc.core.install_hints import install_hint
from jmmc.core.logging import logger
from jmmc.protocol.addresses import Address

_log = logger(__name__)

_LONGEST = 64  # Characters of a provider, as the protocol has it.
_EXPECTED = {
    "asn_database": (
        r"ASN|ISP",
        "one of autonomous systems, such as GeoLite2-ASN or DBIP-ASN-Lite",
    ),
    "country_database": (
        r"Country|City|Location|Enterprise",
        "one of countries or cities, such as GeoLite2-Country or DBIP-Country-Lite",
    ),
}


class Edition(NamedTuple):
    """A database file: the setting that names it, its own type, and when it was built."""

    setting: str
    path: str
    kind: str
    built: datetime


class NetworkNames:
    """Providers and countries, from files that stay open and mapped into memory.

    An empty path means no file. Raises `SettingsError` for a file that cannot be used.
    """

    def __init__(self, *, asn_database: str = "", country_database: str = "") -> None:
        self._asn = _Database("asn_database", asn_database) if asn_database else None
        self._country = (
            _Database("country_database", country_database) if country_database else None
        )

    @property
    def editions(self) -> list[Edition]:
        """The files in use."""
        return [database.edition for database in (self._asn, self._country) if database is not None]

    def provider(self, address: Address) -> str | None:
        """Number and name of the autonomous system, as in `AS3215 Orange`; None when unknown."""
        record = self._asn.record(address) if self._asn else {}
        number = record.get("autonomous_system_number")
        if not isinstance(number, int):
            return None
        name = record.get("autonomous_system_organization")
        return f"AS{number} {name}"[:_LONGEST].rstrip() if name else f"AS{number}"

    def country(self, address: Address) -> str | None:
        """The country by its two letters (ISO 3166-1); None when unknown."""
        record = self._country.record(address) if self._country else {}
        country = record.get("country")
        code = country.get("iso_code") if isinstance(country, dict) else None
        # DB-IP writes ZZ for addresses without a country.
        known = isinstance(code, str) and re.fullmatch("[A-Z]{2}", code) and code != "ZZ"
        return code if known else None


class _Database:
    """One file. Damage that shows later ends the use of the file, not the collector."""

    def __init__(self, setting: str, path: str) -> None:
        try:
            import maxminddb
        except ImportError as error:
            raise SettingsError(f"{setting} needs maxminddb; {install_hint('geo')}") from error
        self._damage: tuple[type[Exception], ...] = (maxminddb.InvalidDatabaseError, ValueError)
        pattern, expected_kinds = _EXPECTED[setting]
        given = f"{setting} = {path!r}"
        try:
            with Path(path).open("rb"):  # For the operating system's own error text.
                pass
            self._reader: Any = maxminddb.open_database(path)
            about = self._reader.metadata()
        except OSError as error:
            raise SettingsError(f"{given}: {error.strerror or error}") from error
        except self._damage as error:
            raise SettingsError(f"{given}: not a MaxMind DB file, or damaged") from error
        kind = str(about.database_type)
        if not re.search(pattern, kind) or ("Enterprise" in kind and setting == "asn_database"):
            raise SettingsError(f"{given}: a database of type {kind!r}: expected {expected_kinds}")
        self.edition = Edition(setting, path, kind, datetime.fromtimestamp(about.build_epoch, UTC))
        self._versions = (4, 6) if about.ip_version == 6 else (4,)

    def record(self, address: Address) -> dict[str, Any]:
        """The record of an address; empty when the file does not have it."""
        if self._reader is None or address.version not in self._versions:
            return {}
        try:
            found = self._reader.get(address)
        except self._damage as error:
            _log.error("geo_database_unreadable", setting=self.edition.setting, why=error)
            self._reader = None
            return {}
        return found if isinstance(found, dict) else {}
