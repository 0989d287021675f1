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
    """`readings` with what only the server knows.

    The address it saw and the names of its network replace what was there; browser and system
    (family and major version) fill in for a browser that did not say them itself. None adds
    nothing.
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
