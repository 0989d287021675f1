"""Answers as JSON and their JSON Schema, both driven by the types of the fields.

Times (`Moment`) become ISO 8601 in UTC, enums their lower-case names, named tuples objects. Numbers
with `PLACES` are rounded. Fields that are `Hidden` are left out, and a field may have another name
outside (see `core.fields`).
"""

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from jmmc.core.computing import paused
from jmmc.core.fields import HIDDEN, MOMENT, PLACES
from jmmc.core.timestamps import to_iso

_Convert = Callable[[Any], Any]

_SHORT = 100  # Items of a list that is converted without a pause.
_MOMENT_SCHEMA = {"type": "string", "format": "date-time"}
_SIMPLE_SCHEMAS = {
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.StrType: "string",
    inspect.BoolType: "boolean",
    inspect.NoneType: "null",
}


def to_builtins(value: Any) -> Any:
    """Convert structs, and lists and dicts of them, to the built-in types that JSON has."""
    if isinstance(value, dict):
        return {str(key): to_builtins(item) for key, item in value.items()}
    if isinstance(value, list) or type(value) is tuple:
        return [to_builtins(item) for item in _paused(value)]
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, msgspec.Struct | tuple):
        return _object_converter(type(value))(value)
    return value


def encode(value: Any) -> bytes:
    """Encode an answer as JSON."""
    return msgspec.json.encode(to_builtins(value))


def schemas(types: list[Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The JSON Schemas of answers of these types, and the components that they refer to."""
    components: dict[str, Any] = {}
    return [_schema(type_, components) for type_ in inspect.multi_type_info(types)], components


_ObjectType = inspect.StructType | inspect.NamedTupleType


def _fields(kind: inspect.Type) -> list[tuple[str, str, inspect.Type]]:
    """Name inside, name outside and type of each field that answers show."""
    assert isinstance(kind, _ObjectType)
    return [
        (field.name, str(_extra(field.type).get("name", field.name)), field.type)
        for field in kind.fields
        if _extra(field.type).get("kind") != HIDDEN
    ]


def _extra(kind: inspect.Type) -> dict[str, Any]:
    """The `Meta(extra=...)` of a type; of an optional type, that of the part other than None."""
    if isinstance(kind, inspect.Metadata):
        return kind.extra or {}
    if isinstance(kind, inspect.UnionType):
        return next((extra for part in kind.types if (extra := _extra(part))), {})
    return {}


@cache
def _object_converter(cls: type) -> _Convert:
    """The converter of a struct or named tuple; cached, as an answer may hold very many."""
    fields = _fields(inspect.type_info(cls))
    converters = [(inside, outside, _converter(type_)) for inside, outside, type_ in fields]

    def convert_object(value: Any) -> dict[str, Any]:
        return {outside: convert(getattr(value, inside)) for inside, outside, convert in converters}

    return convert_object


def _converter(kind: inspect.Type) -> _Convert:
    if _extra(kind).get("kind") == MOMENT:
        return lambda moment: moment if moment is None else to_iso(moment)
    if (places := _extra(kind).get(PLACES)) is not None:
        return lambda number: number if number is None else round(number, places)
    if isinstance(kind, inspect.UnionType):
        (of_value, *others) = [part for part in kind.types if type(part) is not inspect.NoneType]
        if isinstance(of_value, inspect.TupleType) and not others:
            convert_tuple = _converter(of_value)
            return lambda items: items if items is None else convert_tuple(items)
    if isinstance(kind, inspect.TupleType):
        converters = [_converter(item_type) for item_type in kind.item_types]
        return lambda items: [
            convert(item) for convert, item in zip(converters, items, strict=True)
        ]
    if isinstance(kind, inspect.VarTupleType | inspect.ListType):
        convert = _converter(kind.item_type)
        return lambda items: [convert(item) for item in _paused(items)]
    if isinstance(kind, inspect.IntType | inspect.FloatType | inspect.StrType | inspect.BoolType):
        return _unchanged
    return to_builtins


def _paused(items: Sequence[Any]) -> Iterable[Any]:
    """Long lists with pauses; a generator would make the many short ones slower."""
    return paused(items) if len(items) > _SHORT else items


def _unchanged(value: Any) -> Any:
    return value


def _schema(kind: inspect.Type, components: dict[str, Any]) -> dict[str, Any]:
    if isinstance(kind, inspect.Metadata):
        return dict(_MOMENT_SCHEMA) if _is_moment(kind) else _schema(kind.type, components)
    if isinstance(kind, _ObjectType):
        title = kind.cls.__name__
        if title not in components:
            components[title] = {}
            fields = _fields(kind)
            components[title] = {
                "type": "object",
                "description": (kind.cls.__doc__ or "").strip().partition("\n")[0],
                "properties": {name: _schema(type_, components) for _, name, type_ in fields},
                "required": [name for _, name, _ in fields],
            }
        return {"$ref": f"#/components/schemas/{title}"}
    if isinstance(kind, inspect.EnumType):
        return {"type": "string", "enum": [member.name.lower() for member in kind.cls]}
    if isinstance(kind, inspect.DictType):
        return {"type": "object", "additionalProperties": _schema(kind.value_type, components)}
    if isinstance(kind, inspect.VarTupleType | inspect.ListType):
        return {"type": "array", "items": _schema(kind.item_type, components)}
    if isinstance(kind, inspect.TupleType):
        items = [_schema(item_type, components) for item_type in kind.item_types]
        return {"type": "array", "prefixItems": items}
    if isinstance(kind, inspect.UnionType):
        return {"anyOf": [_schema(part, components) for part in kind.types]}
    return {"type": _SIMPLE_SCHEMAS[type(kind)]} if type(kind) in _SIMPLE_SCHEMAS else {}


def _is_moment(kind: inspect.Type) -> bool:
    return bool(_extra(kind).get("kind") == MOMENT)
