"""Readings that the server adds to those of a browser."""

from typing import Any

import msgspec

_ENCODE = msgspec.json.Encoder().encode


def add_server_readings(
    readings: bytes,
    *,
    address: int | str | None,
    browser: str | None,
    system: str | None,
    provider: str | None = None,
    country: str | None = None,
) -> bytes:
    """Add to `readings` what only the server knows; None adds nothing.

    Address and names of its network replace values that are there. Browser and system (family and
    major version) are added only where the browser did not send them.
    """
    own = msgspec.json.decode(readings)
    merged: dict[str, Any] = {}
    if browser is not None:
        merged["br"] = browser
    if system is not None:
        merged["os"] = system
    merged.update(own)
    seen = {"rip": address, "asn": provider, "cc": country}
    if known := {leaf: value for leaf, value in seen.items() if value is not None}:
        merged["t"] = {**merged.get("t", {}), **known}
    return _ENCODE(merged)
