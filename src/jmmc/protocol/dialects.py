"""What a sample may hold in each dialect: the msgspec types of the readings, and their decoders."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Protocol

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from jmmc.core.model import Dialect
from jmmc.core.readings import (
    Address,
    Choice,
    Events,
    Flag,
    Number,
    Pattern,
    Reading,
    Senders,
    Text,
    Values,
)

RAW_OBJECT: "msgspec.json.Decoder[dict[str, Raw]]" = msgspec.json.Decoder(dict[str, Raw])
"""Decodes an object, and leaves its values undecoded."""

_IPV4 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
_IPV6 = Annotated[str, Meta(max_length=45, pattern=r"^[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(%[\w.-]+)?\Z")]

# 32 names of 64 characters are enough for a developer, and bound the size of the answer.
_MOST_DROPPED = 32
_LONGEST_DROPPED = 64

_LONGEST_AGE = 86_400  # Seconds, as for samples: an event that is older is clamped to it.


class _Decoder(Protocol):
    """Decodes one reading. Raises `ValidationError`, or `_PartlyBad` with what may be kept."""

    def decode(self, raw: Raw, /) -> Any: ...


class _PartlyBad(Exception):
    def __init__(self, kept: Any) -> None:
        self.kept = kept


_Decoders = dict[str, _Decoder]


class DialectReadings:
    """The readings that one dialect has: a strict struct, and a decoder for each reading.

    Both are made from the same types, so they agree. Only `clean` takes a `null` in place of a
    group.
    """

    def __init__(self, dialect: Dialect, rows: Iterable[Reading]) -> None:
        self._dialect = dialect
        self._single: _Decoders = {}
        self._groups: dict[str, _Decoders] = {}
        fields: list[tuple[str, Any, Any]] = []
        members: dict[str, list[tuple[str, Any, Any]]] = {}
        for row in rows:
            if row.since.value > dialect.value:
                continue
            allowed = _type_in(dialect, row)
            group, _, leaf = row.path.rpartition(".")
            field = (leaf, allowed | UnsetType, UNSET)
            decoder: _Decoder = msgspec.json.Decoder(allowed)
            if isinstance(row.values, Events):
                decoder = _EventsDecoder(row.values)
            if group:
                self._groups.setdefault(group, {})[leaf] = decoder
                members.setdefault(group, []).append(field)
            else:
                self._single[leaf] = decoder
                fields.append(field)
        for group, inner in members.items():
            name = f"{dialect.name}_{group}"
            struct = msgspec.defstruct(name, inner, forbid_unknown_fields=True)
            fields.append((group, struct | UnsetType, UNSET))
        self.type = msgspec.defstruct(dialect.name, fields, forbid_unknown_fields=True)

    def clean(self, readings: dict[str, Raw], dropped: list[str]) -> dict[str, Any]:
        """The readings that may be stored; the paths of the others are added to `dropped`.

        In v2 a group that is `null` is each of its readings as `null`.
        """
        kept: dict[str, Any] = {}
        for key, value in readings.items():
            if key in self._groups:
                if self._dialect is Dialect.V2 and bytes(value) == b"null":
                    kept[key] = dict.fromkeys(self._groups[key])
                    continue
                try:
                    group = RAW_OBJECT.decode(value)
                except msgspec.ValidationError:
                    dropped.append(f"m.{key}")
                    continue
                inner = _decode_each(self._groups[key], group, f"m.{key}.", dropped)
                if inner:
                    kept[key] = inner
            else:
                kept.update(_decode_each(self._single, {key: value}, "m.", dropped))
        return kept


def _decode_each(
    decoders: _Decoders, readings: dict[str, Raw], prefix: str, dropped: list[str]
) -> dict[str, Any]:
    kept = {}
    for key, value in readings.items():
        decoder = decoders.get(key)
        try:
            if decoder is not None:
                kept[key] = decoder.decode(value)
                continue
        except _PartlyBad as partly:
            if partly.kept:
                kept[key] = partly.kept
        except (msgspec.ValidationError, RecursionError):
            pass
        if len(dropped) < _MOST_DROPPED:
            dropped.append((prefix + key)[:_LONGEST_DROPPED])
    return kept


class _EventsDecoder:
    """Decodes a list of events, each alone."""

    def __init__(self, values: Events) -> None:
        self._list: msgspec.json.Decoder[list[Raw] | None] = msgspec.json.Decoder(
            Annotated[list[Raw], Meta(max_length=values.most)] | None
        )
        self._event: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
            _event_type(values.longest, Meta(ge=0))
        )

    def decode(self, raw: Raw, /) -> Any:
        """The events; raises `_PartlyBad` with the good ones when some are bad."""
        elements = self._list.decode(raw)
        if elements is None:
            return None
        good = []
        for element in elements:
            try:
                event = self._event.decode(element)
            except (msgspec.ValidationError, RecursionError):
                continue
            if not isinstance(event, str):
                event.age = min(event.age, _LONGEST_AGE)
            good.append(event)
        if len(good) < len(elements):
            raise _PartlyBad(good)
        return good


def _event_type(longest: int, age: Meta) -> Any:
    """A name, or a list of a name and an age.

    The list is a struct: msgspec 0.22 crashes on a union of a string with a limit and a tuple.
    """
    name = Annotated[str, Meta(max_length=longest)]
    dated = msgspec.defstruct(
        "DatedEvent",
        [("name", name), ("age", Annotated[int, age] | Annotated[float, age])],
        array_like=True,
        forbid_unknown_fields=True,
    )
    return name | dated


def _sender_type(longest: int) -> Any:
    percent = Annotated[int, Meta(ge=0, le=100)] | None
    return msgspec.defstruct(
        "Sender",
        [
            ("endpoint", Annotated[str, Meta(min_length=1, max_length=longest)]),
            *((name, percent) for name in ("audio_lost", "concealed", "video_lost", "frozen")),
        ],
        array_like=True,
        forbid_unknown_fields=True,
    )


def _type_in(dialect: Dialect, row: Reading) -> Any:
    if dialect is Dialect.V2:
        return _type_of(row.values) | None
    allowed = _type_of(row.v1 or row.values)
    return allowed | None if row.null_in_v1 else allowed


def _type_of(values: Values) -> Any:
    """The type by which msgspec decodes and validates."""
    match values:
        case Number(least=least, most=most, whole=whole):
            integer = Annotated[int, Meta(ge=least, le=most)]
            return integer if whole else integer | Annotated[float, Meta(ge=least, le=most)]
        case Text(longest=longest):
            return Annotated[str, Meta(max_length=longest)]
        case Pattern(expression=expression):
            return Annotated[str, Meta(pattern=expression)]
        case Choice(values=choices):
            return Literal[choices]
        case Flag():
            return bool
        case Address(ipv6=ipv6):
            return _IPV4 | _IPV6 if ipv6 else _IPV4
        case Events(most=most, longest=longest):
            event = _event_type(longest, Meta(ge=0, le=_LONGEST_AGE))
            return Annotated[list[event], Meta(max_length=most)]  # type: ignore[valid-type]
        case Senders(most=most, longest=longest):
            sender = _sender_type(longest)
            return Annotated[list[sender], Meta(max_length=most)]  # type: ignore[valid-type]
