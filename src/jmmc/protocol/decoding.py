"""Bytes of a push to an `Envelope`: the only module that decodes bodies.

`READINGS` is the table of the protocol. From it come the strict decoder that nearly every push
passes in one step, and the leaf-by-leaf decoder that a push with a bad reading goes through, so
the two cannot disagree.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from jmmc.core.errors import Reason, Rejected
from jmmc.core.model import Dialect
from jmmc.protocol.addresses import Kept, truncated

_SAFE = 2**53 - 1  # The largest integer that JavaScript, BSON doubles and SQLite all keep exact.


def _number(least: int = 0, most: int = _SAFE) -> Any:
    bounds = Meta(ge=least, le=most)
    return Annotated[int, bounds] | Annotated[float, bounds]


def _text(longest: int) -> Any:
    return Annotated[str, Meta(max_length=longest)]


_V1, _V2 = Dialect.V1, Dialect.V2
_FLAG = bool
_PERCENT = _number(0, 100)
_PORT = Annotated[int, Meta(ge=0, le=65535)]
_IPV4 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
_IPV6 = Annotated[str, Meta(max_length=45, pattern=r"^[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(%[\w.-]+)?\Z")]
_ADDRESS = _IPV4 | _IPV6
_EVENT = Annotated[str, Meta(max_length=16)]
_CANDIDATE = Literal["host", "srflx", "prflx", "relay"]
_TRANSPORT = Annotated[str, Meta(pattern=r"^(relay|(relay[-/])?(udp|tcp|tls))\Z")]


class Reading(NamedTuple):
    """One row of the table: where the reading stands, what it may be, in each dialect."""

    path: str
    unit: str
    v1: Any
    v2: Any


def _both(path: str, unit: str, kind: Any) -> Reading:
    return Reading(path, unit, kind, kind | None)


def _new(path: str, unit: str, kind: Any) -> Reading:
    return Reading(path, unit, None, kind | None)


READINGS: tuple[Reading, ...] = (
    _both("br", "", _text(64)),
    _both("os", "", _text(64)),
    _both("pid", "", _text(64)),
    _both("cq", "0..100", _PERCENT),
    *(
        reading
        for link in ("u", "d")
        for reading in (
            _both(f"{link}.bw", "kbit/s", _number() | None),
            _both(f"{link}.ab", "kbit/s", _number()),
            _both(f"{link}.vb", "kbit/s", _number()),
            _both(f"{link}.pl", "%", _PERCENT),
            _new(f"{link}.jit", "ms", _number()),
            _new(f"{link}.fr", "frames/s", _number()),
        )
    ),
    _new("u.lim", "", Literal["none", "cpu", "bandwidth", "other"]),
    _new("d.frz", "%", _PERCENT),
    _new("d.cnc", "%", _PERCENT),
    Reading("t.ip", "", _IPV4, _ADDRESS | None),
    _both("t.p", "", _PORT),
    Reading("t.lip", "", _IPV4, _ADDRESS | None),
    _both("t.lp", "", _PORT),
    Reading("t.tp", "", Literal["udp", "tcp"], _TRANSPORT | None),
    _both("t.sr", "", _text(64)),
    _new("t.p2p", "", _FLAG),
    _new("t.net", "", _text(32)),
    _new("t.lct", "", _CANDIDATE),
    _new("t.rct", "", _CANDIDATE),
    _both("res.h", "pixels", _number()),
    _both("res.w", "pixels", _number()),
    _both("cdc.a", "", _text(32)),
    _both("cdc.v", "", _text(32)),
    _new("rtt", "ms", _number()),
    _new("mer", "pixels", _number()),
    _new("ev", "", Annotated[list[_EVENT], Meta(max_length=16)]),
    _new("vis", "", _FLAG),
    _new("mid", "", _text(64)),
    _new("n", "participants", Annotated[int, Meta(ge=1, le=_SAFE)]),
)
"""Every reading that a browser may send; those of `SERVER_READINGS` are ours to add."""

SERVER_READINGS = ("t.rip", "t.asn", "t.cc")
"""The address that the server saw, and the names of its network: its provider, its country."""

_ADDRESSES = ("ip", "lip")
_PORTS = ("p", "lp")
_ADDRESS_PATHS = frozenset(f"t.{item}" for item in (*_ADDRESSES, *_PORTS))


class Arrived(Struct, gc=False):
    """One sample as it came, its readings checked; `age` is in seconds, None in v1."""

    seq: int | None
    age: float | None
    readings: bytes
    full: bool = False
    bye: bool = False


class Envelope(Struct, gc=False):
    """A decoded body. `uid`, `conf` and `sid` (None in v1) are strings, not yet judged.

    `now` is the browser's estimate of our clock when it sent the push. `opens` tells that a
    v1 push starts a new session. `dropped` names the readings that were refused. `script` is
    what a browser says of its script's version.
    """

    dialect: Dialect
    uid: str
    conf: str
    sid: str | None
    samples: list[Arrived]
    now: float | None
    opens: bool
    dropped: list[str]
    script: str | None = None


class Codec:
    """Bytes to `Envelope`, under the operator's choice of regions and addresses.

    `regions`: the values that `t.sr` may have; empty allows any. `addresses`: how much is kept of
    the readings that hold IP addresses. Truncated ones lose their port without a word; with "none"
    both are refused like unknown readings.
    """

    def __init__(self, *, regions: Sequence[str] = (), addresses: Kept = "full") -> None:
        self._truncates = addresses == "truncated"
        hidden = _ADDRESS_PATHS if addresses == "none" else frozenset()
        rows = [row for row in READINGS if row.path not in hidden]
        if regions:
            region: Any = Literal[tuple(regions)]
            rows = [
                row._replace(v1=region, v2=region | None) if row.path == "t.sr" else row
                for row in rows
            ]
        self._v1 = _Readings("V1", ((row.path, row.v1) for row in rows if row.v1 is not None))
        self._v2 = _Readings("V2", ((row.path, row.v2) for row in rows))
        sample = msgspec.defstruct(
            "Sample",
            [
                ("seq", _SEQ),
                ("age", float),
                ("m", self._v2.type),
                ("full", bool, False),
                ("bye", bool, False),
            ],
        )
        self._strict: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            msgspec.defstruct(
                "Body",
                [
                    ("uid", str),
                    ("conf", str),
                    ("v", Literal[1, 2], 1),
                    ("sid", str | UnsetType, UNSET),
                    ("samples", list[sample] | UnsetType, UNSET),  # type: ignore[valid-type]
                    ("m", self._v1.type | UnsetType, UNSET),
                    ("now", float | None, None),
                    ("js", str | None, None),
                ],
            )
        )

    def decode(self, body: bytes) -> Envelope:
        """The envelope of `body`; raises `Rejected` when it is none, whatever the bytes are."""
        if body.startswith(b"\xef\xbb\xbf"):
            body = body[3:]
        try:
            envelope = self._decode_strictly(body)
            return envelope if envelope is not None else self._decode_leniently(body)
        except msgspec.DecodeError as error:
            raise Rejected("malformed", str(error)) from None
        except (RecursionError, UnicodeDecodeError) as error:
            raise Rejected("malformed", f"not JSON in UTF-8: {error}") from None

    def _decode_strictly(self, body: bytes) -> Envelope | None:
        """The common case in one step; None when anything at all is out of the ordinary."""
        try:
            it = self._strict.decode(body)
        except (msgspec.ValidationError, UnicodeDecodeError):
            return None
        if it.v == 2:
            if it.sid is UNSET or it.samples is UNSET:
                return None
            samples = []
            for sample in it.samples:
                if self._truncates and not _truncate(sample.m.t):
                    return None
                readings = _ENCODE(sample.m)
                if b":{}" in readings:
                    return None
                samples.append(Arrived(sample.seq, sample.age, readings, sample.full, sample.bye))
            return Envelope(_V2, it.uid, it.conf, it.sid, samples, it.now, True, [], it.js)
        if it.m is UNSET:
            return None
        opens = bool(it.m.br)
        # The stock script sends the literals "br" and "os": the header knows better.
        it.m.br = it.m.os = UNSET
        if self._truncates and not _truncate(it.m.t):
            return None
        readings = _ENCODE(it.m)
        if b":{}" in readings:
            return None
        return Envelope(
            _V1, it.uid, it.conf, None, [Arrived(None, None, readings)], None, opens, []
        )

    def _decode_leniently(self, body: bytes) -> Envelope:
        """Each part on its own: says what is wrong, and drops only the readings that are."""
        parts = _PARTS.decode(body)
        uid = _part(parts, "uid", _STRING, "bad_uid")
        conf = _part(parts, "conf", _STRING, "bad_conf")
        dropped: list[str] = []
        if "v" in parts and _part(parts, "v", _VERSION) == 2:
            sid = _part(parts, "sid", _STRING, "bad_sid")
            samples = [
                Arrived(
                    loose.seq,
                    loose.age,
                    _ENCODE(self._clean(self._v2, loose.m, dropped)),
                    loose.full,
                    loose.bye,
                )
                for loose in _part(parts, "samples", _LOOSE_SAMPLES)
            ]
            now = _part(parts, "now", _CLOCK) if "now" in parts else None
            dropped = list(dict.fromkeys(dropped))
            return Envelope(_V2, uid, conf, sid, samples, now, True, dropped, _script(parts))
        if "m" not in parts:
            raise Rejected("malformed", "m: missing")
        readings = self._clean(self._v1, parts["m"], dropped)
        opens = bool(readings.pop("br", None))
        readings.pop("os", None)
        samples = [Arrived(None, None, _ENCODE(readings))]
        return Envelope(_V1, uid, conf, None, samples, None, opens, list(dict.fromkeys(dropped)))

    def _clean(self, kinds: "_Readings", raw: Raw, dropped: list[str]) -> dict[str, Any]:
        kept = kinds.clean(_object(raw), dropped)
        path = kept.get("t")
        if not self._truncates or path is None:
            return kept
        for name in _PORTS:
            path.pop(name, None)
        for name in _ADDRESSES:
            if (address := path.get(name)) is None:
                continue
            if (short := truncated(address)) is None:
                del path[name]
                dropped.append(f"m.t.{name}")
            else:
                path[name] = short
        return kept if path else {key: value for key, value in kept.items() if key != "t"}


def _truncate(path: Any) -> bool:
    """Truncate the addresses of a decoded `t`; False when one of them is none."""
    if path is UNSET:
        return True
    path.p = path.lp = UNSET
    for name in _ADDRESSES:
        address = getattr(path, name)
        if address is not UNSET and address is not None:
            short = truncated(address)
            if short is None:
                return False
            setattr(path, name, short)
    return True


class _Readings:
    """The readings of one dialect: a strict struct, and a decoder for each leaf."""

    def __init__(self, name: str, kinds: Iterable[tuple[str, Any]]) -> None:
        self._leaves: dict[str, msgspec.json.Decoder[Any]] = {}
        self._groups: dict[str, dict[str, msgspec.json.Decoder[Any]]] = {}
        fields: list[tuple[str, Any, Any]] = []
        members: dict[str, list[tuple[str, Any, Any]]] = {}
        for path, kind in kinds:
            group, _, leaf = path.rpartition(".")
            field = (leaf, kind | UnsetType, UNSET)
            if group:
                self._groups.setdefault(group, {})[leaf] = msgspec.json.Decoder(kind)
                members.setdefault(group, []).append(field)
            else:
                self._leaves[leaf] = msgspec.json.Decoder(kind)
                fields.append(field)
        for group, inner in members.items():
            struct = msgspec.defstruct(f"{name}_{group}", inner, forbid_unknown_fields=True)
            fields.append((group, struct | UnsetType, UNSET))
        self.type = msgspec.defstruct(name, fields, forbid_unknown_fields=True)

    def clean(self, raw: dict[str, Raw], dropped: list[str]) -> dict[str, Any]:
        """What of `raw` may be stored; the paths of the rest are added to `dropped`."""
        kept: dict[str, Any] = {}
        for key, value in raw.items():
            if key in self._groups:
                try:
                    group = _PARTS.decode(value)
                except msgspec.ValidationError:
                    dropped.append(f"m.{key}")
                    continue
                inner = _clean_leaves(self._groups[key], group, f"m.{key}.", dropped)
                if inner:
                    kept[key] = inner
            else:
                kept.update(_clean_leaves(self._leaves, {key: value}, "m.", dropped))
        return kept


def _clean_leaves(
    leaves: dict[str, "msgspec.json.Decoder[Any]"],
    raw: dict[str, Raw],
    prefix: str,
    dropped: list[str],
) -> dict[str, Any]:
    kept = {}
    for key, value in raw.items():
        decoder = leaves.get(key)
        try:
            if decoder is not None:
                kept[key] = decoder.decode(value)
                continue
        except (msgspec.ValidationError, RecursionError):
            pass
        # 32 names of 64 characters tell a developer enough, and bound the answer's size.
        if len(dropped) < 32:
            dropped.append((prefix + key)[:64])
    return kept


_SEQ = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_T = TypeVar("_T")


class _LooseSample(Struct):
    seq: _SEQ
    age: float
    m: Raw
    full: bool = False
    bye: bool = False


_ENCODE = msgspec.json.Encoder().encode
_PARTS: "msgspec.json.Decoder[dict[str, Raw]]" = msgspec.json.Decoder(dict[str, Raw])
_STRING: "msgspec.json.Decoder[str]" = msgspec.json.Decoder(str)
_VERSION: "msgspec.json.Decoder[int]" = msgspec.json.Decoder(Literal[1, 2])
_CLOCK: "msgspec.json.Decoder[float | None]" = msgspec.json.Decoder(float | None)
_LOOSE_SAMPLES: "msgspec.json.Decoder[list[_LooseSample]]" = msgspec.json.Decoder(
    list[_LooseSample]
)


def _part(
    parts: dict[str, Raw],
    name: str,
    decoder: "msgspec.json.Decoder[_T]",
    reason: Reason = "malformed",
) -> _T:
    if name not in parts:
        raise Rejected(reason, f"{name}: missing")
    try:
        return decoder.decode(parts[name])
    except msgspec.ValidationError as error:
        raise Rejected(reason, f"{name}: {error}") from None


def _script(parts: dict[str, Raw]) -> str | None:
    """The script's version; no push is refused for one that is none."""
    try:
        return _STRING.decode(parts["js"]) if "js" in parts else None
    except msgspec.ValidationError:
        return None


def _object(raw: Raw) -> dict[str, Raw]:
    try:
        return _PARTS.decode(raw)
    except msgspec.ValidationError as error:
        raise Rejected("malformed", f"m: {error}") from None
