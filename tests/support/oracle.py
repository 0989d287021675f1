"""The readings of a recorded event, computed a second time from the protocol page alone.

It is slow and simple on purpose, and in another language than the script that it checks.
"""

import ipaddress
import math
from collections.abc import Iterable, Iterator
from typing import Any

from jmmc.core.readings import READINGS, Source

Flat = dict[str, Any]


def readings(record: dict[str, Any]) -> Flat | None:
    """One event as flat readings, unknown ones absent; None before there was a connection."""
    payload = _without_undefined(record["payload"], set(record["undefined"]), "")
    me = record["me"]
    found: Flat = {
        "mer": _between(payload.get("maxEnabledResolution")),
        "t.sr": payload.get("serverRegion"),
    }
    if is_cut(record):
        return _known(found)
    found["cq"] = _between(payload.get("connectionQuality"), 0, 100)
    for link, way in (("u", "upload"), ("d", "download")):
        found[f"{link}.bw"] = _between(payload["bandwidth"].get(way))
        found[f"{link}.ab"] = _between(payload["bitrate"]["audio"].get(way))
        found[f"{link}.vb"] = _between(payload["bitrate"]["video"].get(way))
    found["d.pl"] = _between(payload["packetLoss"].get("download"), 0, 100)
    sizes = list(payload["resolution"].get(me, {}).values())
    if sizes:
        largest = max(sizes, key=lambda size: size["height"])
        found["res.h"], found["res.w"] = largest["height"], largest["width"]
    rates = payload["framerate"]
    found["u.fr"] = max(rates.get(me, {}).values(), default=None)
    received = [rate for who, streams in rates.items() if who != me for rate in streams.values()]
    found["d.fr"] = max(received, default=None)
    for codec in payload["codec"].get(me, {}).values():
        for key, kind in (("cdc.a", "audio"), ("cdc.v", "video")):
            found[key] = found.get(key) or codec.get(kind)
    path = payload["transport"][0] if payload["transport"] else {}
    found["rtt"] = _between(path.get("rtt"))
    if found["rtt"] is None and not path.get("p2p"):
        found["rtt"] = _between(payload.get("jvbRTT"))
    for key, port_key, joined in (("t.ip", "t.p", "ip"), ("t.lip", "t.lp", "localip")):
        found[key], found[port_key] = _endpoint(path.get(joined))
    found["t.tp"] = path.get("type")
    found["t.p2p"] = path.get("p2p")
    if path.get("p2p") is False:
        found["t.brg"] = path["ip"].rpartition(":")[0] or None
    found["t.net"] = path.get("networkType")
    found["t.lct"] = path.get("localCandidateType")
    found["t.rct"] = path.get("remoteCandidateType")
    return _known(found)


def ticks(records: Iterable[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Flat]]:
    """The events that are readings, with what holds at them.

    Not those before there was a connection, nor its first one without bitrates; nor, while it is
    interrupted, those that say a quality of 0.
    """
    connected = begun = cut = False
    for record in records:
        connected = connected or not is_cut(record)
        is_first, begun = not begun and is_idle(record), begun or connected
        if not connected or is_first or (cut and not record["payload"]["connectionQuality"]):
            continue
        cut = is_cut(record)
        yield record, of_the_call(readings(record) or {})


def is_cut(record: dict[str, Any]) -> bool:
    """Whether the event was made without any connection."""
    return not record["payload"]["transport"] and is_idle(record)


def is_idle(record: dict[str, Any]) -> bool:
    """Whether the event has no bitrate at all."""
    rates = record["payload"]["bitrate"]
    return not rates["upload"] and not rates["download"]


def fold(samples: Iterable[dict[str, Any]]) -> list[Flat]:
    """What holds after each stored sample, events and bookkeeping left out."""
    state: Flat = {}
    states = []
    for sample in samples:
        if sample.get("full"):
            state = {}
        for key, value in flatten(sample).items():
            state[key] = value
        states.append(_known(state))
    return states


def flatten(sample: dict[str, Any]) -> Flat:
    """The readings of a stored sample by path."""
    flat: Flat = {}
    for key, value in sample.items():
        if key in ("ts", "seq", "full", "bye", "ev"):
            continue
        if isinstance(value, dict):
            flat.update({f"{key}.{leaf}": v for leaf, v in value.items()})
        else:
            flat[key] = value
    return flat


OWN_OF_THE_STAY = frozenset(
    row.path for row in READINGS if row.source in (Source.STAY, Source.SERVER)
)
"""Readings of who and where the browser is, not of the statistics of an event."""


def of_the_call(state: Flat) -> Flat:
    """Only the readings of statistics; numbers rounded as the script sends them."""
    return {
        key: _rounded(key, value) if key in _AVERAGED else value
        for key, value in state.items()
        if key not in OWN_OF_THE_STAY
    }


_AVERAGED = frozenset(row.path for row in READINGS if row.averaged)
_WITH_DECIMALS = frozenset({"u.pl", "d.pl", "d.frz", "d.frs", "d.cnc", "d.cns"})


def _rounded(path: str, value: float) -> float:
    if path in _WITH_DECIMALS:
        return round(value, 2)
    whole = math.floor(value + 0.5)
    step = 10 ** max(0, len(str(whole)) - 3)
    return math.floor(value / step + 0.5) * step


def _without_undefined(value: Any, undefined: set[str], path: str) -> Any:
    if isinstance(value, list):
        return [_without_undefined(v, undefined, f"{path}.{i}") for i, v in enumerate(value)]
    if not isinstance(value, dict):
        return math.nan if value == "$NaN" else value
    kept = {}
    for key, inner in value.items():
        here = f"{path}.{key}" if path else key
        if here not in undefined:
            kept[key] = _without_undefined(inner, undefined, here)
    return kept


def _between(value: Any, least: float = 0, most: float = 2**53 - 1) -> Any:
    if value is None or isinstance(value, bool) or not math.isfinite(value):
        return None
    return min(max(value, least), most)


def _endpoint(joined: str | None) -> tuple[int | str | None, int | None]:
    address, _, port = (joined or "").rpartition(":")
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        where: int | str | None = None
    else:
        where = int(parsed) if parsed.version == 4 else address
    return where, int(port) if port.isdigit() else None


def _known(flat: Flat) -> Flat:
    return {key: value for key, value in flat.items() if value is not None}
