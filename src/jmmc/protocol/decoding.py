"""Bytes of a push to an `Envelope`.

Nearly every push passes the strict decoder in one step. A push with a bad reading is decoded a
second time, each reading alone, so that only the bad one is dropped.
"""

import sys
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.structs import replace

from jmmc.core.errors import Reason, Rejected
from jmmc.core.model import Dialect
from jmmc.core.readings import BROWSER_READINGS, Address, Choice, Subject
from jmmc.protocol.addresses import Kept, truncated
from jmmc.protocol.dialects import RAW_OBJECT, DialectReadings

_V1, _V2 = Dialect.V1, Dialect.V2
_REGION = "t.sr"

_ADDRESS_ROWS = tuple(row for row in BROWSER_READINGS if row.subject is Subject.ADDRESS)
_ADDRESS_PATHS = frozenset(row.path for row in _ADDRESS_ROWS)


def _keys(*, addresses: bool) -> tuple[str, ...]:
    """Keys of addresses, or of ports, in group `t`, which has them all.

    Interned, because attributes with another name are not cached: a push would take twice as long.
    """
    return tuple(
        sys.intern(row.path.removeprefix("t."))
        for row in _ADDRESS_ROWS
        if isinstance(row.values, Address) is addresses
    )


_ADDRESSES, _PORTS = _keys(addresses=True), _keys(addresses=False)


class DecodedSample(Struct, gc=False):
    """One sample of a body, its readings checked; `age` is in seconds, None in v1."""

    seq: int | None
    age: float | None
    readings: bytes
    full: bool = False
    bye: bool = False


class Envelope(Struct, gc=False):
    """A decoded body. `uid`, `conf` and `sid` (None in v1) are strings, not yet validated.

    `now` is the browser's estimate of the server's clock when it sent the push. `opens`: a v1
    push starts a new session. `dropped` has the paths of the readings that were refused. `script`
    is the version of the browser script, as the browser reports it. `tenant` is the part of the
    page's path before the room.
    """

    dialect: Dialect
    uid: str
    conf: str
    sid: str | None
    samples: list[DecodedSample]
    now: float | None
    opens: bool
    dropped: list[str]
    script: str | None = None
    tenant: str | None = None


class Codec:
    """Decodes bodies under the operator's choice of regions and addresses.

    `regions`: the values that `t.sr` may have; empty allows any. `addresses`: how much is kept of
    readings that are IP addresses. "truncated" removes the ports without a report; "none" refuses
    addresses and ports like unknown readings. `refused` are the paths of others that are refused.
    """

    def __init__(
        self,
        *,
        regions: Sequence[str] = (),
        addresses: Kept = "full",
        refused: Collection[str] = (),
    ) -> None:
        self._truncates = addresses == "truncated"
        refused = {*refused, *(_ADDRESS_PATHS if addresses == "none" else ())}
        rows = [row for row in BROWSER_READINGS if row.path not in refused]
        if regions:
            allowed = Choice(tuple(regions))
            rows = [replace(row, values=allowed) if row.path == _REGION else row for row in rows]
        self._v1 = DialectReadings(_V1, rows)
        self._v2 = DialectReadings(_V2, rows)
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
                    ("ten", str | None, None),
                ],
            )
        )

    def decode(self, body: bytes) -> Envelope:
        """Decode a body, whatever its bytes are. Raises `Rejected` when it is not a push."""
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
        """Decode a body without a bad reading, in one step; None for any other."""
        try:
            push = self._strict.decode(body)
        except (msgspec.ValidationError, UnicodeDecodeError):
            return None
        if push.v == 2:
            if push.sid is UNSET or push.samples is UNSET:
                return None
            samples = []
            for sample in push.samples:
                if self._truncates and not _truncate(sample.m.t):
                    return None
                readings = _ENCODE(sample.m)
                if b":{}" in readings:
                    return None
                samples.append(
                    DecodedSample(sample.seq, sample.age, readings, sample.full, sample.bye)
                )
            return Envelope(
                _V2, push.uid, push.conf, push.sid, samples, push.now, True, [], push.js, push.ten
            )
        if push.m is UNSET:
            return None
        opens = bool(push.m.br)
        # The stock script sends the literals "br" and "os": the header knows better.
        push.m.br = push.m.os = UNSET
        if self._truncates and not _truncate(push.m.t):
            return None
        readings = _ENCODE(push.m)
        if b":{}" in readings:
            return None
        return Envelope(
            _V1, push.uid, push.conf, None, [DecodedSample(None, None, readings)], None, opens, []
        )

    def _decode_leniently(self, body: bytes) -> Envelope:
        """Decode each part alone: a bad reading is dropped, another bad part raises `Rejected`."""
        parts = RAW_OBJECT.decode(body)
        uid = _part(parts, "uid", _STRING, "bad_uid")
        conf = _part(parts, "conf", _STRING, "bad_conf")
        dropped: list[str] = []
        if "v" in parts and _part(parts, "v", _VERSION) == 2:
            sid = _part(parts, "sid", _STRING, "bad_sid")
            samples = [
                DecodedSample(
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
            tenant = _part(parts, "ten", _STRING_OR_NULL, "bad_conf") if "ten" in parts else None
            script = _script(parts)
            return Envelope(_V2, uid, conf, sid, samples, now, True, dropped, script, tenant)
        if "m" not in parts:
            raise Rejected("malformed", "m: missing")
        readings = self._clean(self._v1, parts["m"], dropped)
        opens = bool(readings.pop("br", None))
        readings.pop("os", None)
        samples = [DecodedSample(None, None, _ENCODE(readings))]
        return Envelope(_V1, uid, conf, None, samples, None, opens, list(dict.fromkeys(dropped)))

    def _clean(self, allowed: DialectReadings, raw: Raw, dropped: list[str]) -> dict[str, Any]:
        kept = allowed.clean(_object(raw), dropped)
        transport = kept.get("t")
        if not self._truncates or transport is None:
            return kept
        for name in _PORTS:
            transport.pop(name, None)
        for name in _ADDRESSES:
            if (address := transport.get(name)) is None:
                continue
            if (network := truncated(address)) is None:
                del transport[name]
                dropped.append(f"m.t.{name}")
            else:
                transport[name] = network
        return kept if transport else {key: value for key, value in kept.items() if key != "t"}


def _truncate(transport: Any) -> bool:
    """Truncate the addresses of a decoded group `t`; False when one of them is no address."""
    if transport is UNSET:
        return True
    for name in _PORTS:
        setattr(transport, name, UNSET)
    for name in _ADDRESSES:
        address = getattr(transport, name)
        if address is not UNSET and address is not None:
            network = truncated(address)
            if network is None:
                return False
            setattr(transport, name, network)
    return True


_SEQ = Annotated[int, Meta(ge=0, le=2**31 - 1)]
_T = TypeVar("_T")


class _LooseSample(Struct):
    seq: _SEQ
    age: float
    m: Raw
    full: bool = False
    bye: bool = False


_ENCODE = msgspec.json.Encoder().encode
_STRING: "msgspec.json.Decoder[str]" = msgspec.json.Decoder(str)
_STRING_OR_NULL: "msgspec.json.Decoder[str | None]" = msgspec.json.Decoder(str | None)
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
    """The version of the script; a push is not refused for a bad one."""
    try:
        return _STRING.decode(parts["js"]) if "js" in parts else None
    except msgspec.ValidationError:
        return None


def _object(raw: Raw) -> dict[str, Raw]:
    try:
        return RAW_OBJECT.decode(raw)
    except msgspec.ValidationError as error:
        raise Rejected("malformed", f"m: {error}") from None
