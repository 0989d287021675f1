"""Answers as plain JSON values, and their JSON Schema: both by what the types of the fields say.

Times (`Moment`) are ISO 8601 in UTC, grades are words, named tuples are objects, fields that are
`Hidden` are left out, and a field may have another name outside (see `core.fields`).
"""

from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from jmmc.core.fields import HIDDEN, MOMENT
from jmmc.core.timestamps import iso

_Convert = Callable[[Any], Any]

_MOMENT_SCHEMA = {"type": "string", "format": "date-time"}
_SIMPLE_SCHEMAS = {
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.StrType: "string",
    inspect.BoolType: "boolean",
    inspect.NoneType: "null",
}


def plain(value: Any) -> Any:
    """`value` (structs, and lists and dicts of them) as values that JSON has."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list) or type(value) is tuple:
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, msgspec.Struct | tuple):
        return _object_converter(type(value))(value)
    return value


def encode(value: Any) -> bytes:
    """The JSON of an answer."""
    return msgspec.json.encode(plain(value))


def schemas(kinds: "list[Any]") -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """JSON Schemas of what `plain` makes of values of these types, and those that they refer to."""
    components: dict[str, Any] = {}
    return [_schema(item, components) for item in inspect.multi_type_info(kinds)], components


_ObjectType = inspect.StructType | inspect.NamedTupleType


def _fields(kind: inspect.Type) -> list[tuple[str, str, inspect.Type]]:
    """Name inside, name outside and type of each field that is shown."""
    assert isinstance(kind, _ObjectType)
    return [
        (field.name, str(_extra(field.type).get("name", field.name)), field.type)
        for field in kind.fields
        if _extra(field.type).get("kind") != HIDDEN
    ]


def _extra(kind: inspect.Type) -> dict[str, Any]:
    """What `Meta(extra=...)` says of a type; of an optional one, what it says of the other part."""
    if isinstance(kind, inspect.Metadata):
        return kind.extra or {}
    if isinstance(kind, inspect.UnionType):
        return next((found for item in kind.types if (found := _extra(item))), {})
    return {}


@cache
def _object_converter(cls: type) -> _Convert:
    """Worked out once for each struct: an answer may have very many of one kind."""
    fields = _fields(inspect.type_info(cls))
    parts = [(inside, outside, _converter(kind)) for inside, outside, kind in fields]

    def convert(value: Any) -> dict[str, Any]:
        return {outside: by(getattr(value, inside)) for inside, outside, by in parts}

    return convert


def _converter(kind: inspect.Type) -> _Convert:
    if _extra(kind).get("kind") == MOMENT:
        return lambda value: value if value is None else iso(value)
    if isinstance(kind, inspect.VarTupleType | inspect.ListType):
        by = _converter(kind.item_type)
        return lambda value: [by(item) for item in value]
    if isinstance(kind, inspect.IntType | inspect.FloatType | inspect.StrType | inspect.BoolType):
        return _unchanged
    return plain


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
        items = [_schema(item, components) for item in kind.item_types]
        return {"type": "array", "prefixItems": items}
    if isinstance(kind, inspect.UnionType):
        return {"anyOf": [_schema(part, components) for part in kind.types]}
    return {"type": _SIMPLE_SCHEMAS[type(kind)]} if type(kind) in _SIMPLE_SCHEMAS else {}


def _is_moment(kind: inspect.Type) -> bool:
    return bool(_extra(kind).get("kind") == MOMENT)
