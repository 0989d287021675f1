"""Answers as plain JSON values: times in ISO 8601, grades in words; and their JSON Schema."""

from typing import Any

import msgspec
from msgspec import Struct
from msgspec import inspect as types

from jmmc.core.timestamps import iso
from jmmc.quality.grading import Grade

_MOMENTS = frozenset(
    {"began", "ended", "last", "since", "until", "fired", "well_since", "start", "end", "times"}
)
_HIDDEN = frozenset({"series"})  # Of a summary: what rollups are made of.
_WORST = "worst_minute"


def plain(value: Any, name: str = "") -> Any:
    """A value that JSON has. `name` is that of the field it stands in."""
    if isinstance(value, Struct):
        return {
            it: plain(getattr(value, it), it)
            for it in value.__struct_fields__
            if not (it in _HIDDEN and hasattr(value, "formula"))
        }
    if isinstance(value, Grade):
        return value.name.lower()
    if isinstance(value, dict):
        return {str(key): plain(it) for key, it in value.items()}
    if name == _WORST and value is not None:
        return {"start": iso(value[0]), "badness": value[1]}
    if name == "happenings":
        return [{"at": iso(at), "what": what} for at, what in value]
    if isinstance(value, list | tuple):
        return [plain(it, name) for it in value]
    if name in _MOMENTS and isinstance(value, int):
        return iso(value)
    return value


def schemas(kinds: "list[Any]") -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """JSON Schemas of what `plain` makes of values of these types, and those that they refer to."""
    components: dict[str, Any] = {}
    return [_schema(it, "", components) for it in types.multi_type_info(kinds)], components


_MOMENT = {"type": "string", "format": "date-time"}


def _schema(kind: types.Type, name: str, components: dict[str, Any]) -> dict[str, Any]:
    if isinstance(kind, types.Metadata):
        return _schema(kind.type, name, components)
    if isinstance(kind, types.StructType):
        title = kind.cls.__name__
        if title not in components:
            components[title] = {}
            hide = any(it.name == "formula" for it in kind.fields)
            fields = [it for it in kind.fields if not (hide and it.name in _HIDDEN)]
            components[title] = {
                "type": "object",
                "description": (kind.cls.__doc__ or "").strip().partition("\n")[0],
                "properties": {it.name: _schema(it.type, it.name, components) for it in fields},
                "required": [it.name for it in fields],
            }
        return {"$ref": f"#/components/schemas/{title}"}
    if name == _WORST:
        properties = {"start": _MOMENT, "badness": {"type": "number"}}
        return {"type": ["object", "null"], "properties": properties}
    if name == "happenings":
        properties = {"at": _MOMENT, "what": {"type": "string"}}
        return {"type": "array", "items": {"type": "object", "properties": properties}}
    if isinstance(kind, types.EnumType):
        return {"type": "string", "enum": [it.name.lower() for it in kind.cls]}
    if isinstance(kind, types.DictType):
        return {
            "type": "object",
            "additionalProperties": _schema(kind.value_type, "", components),
        }
    if isinstance(kind, types.VarTupleType | types.ListType):
        return {"type": "array", "items": _schema(kind.item_type, name, components)}
    if isinstance(kind, types.TupleType):
        return {
            "type": "array",
            "prefixItems": [_schema(it, "", components) for it in kind.item_types],
        }
    if isinstance(kind, types.UnionType):
        return {"anyOf": [_schema(it, name, components) for it in kind.types]}
    if name in _MOMENTS and isinstance(kind, types.IntType):
        return dict(_MOMENT)
    simple = {
        types.IntType: "integer",
        types.FloatType: "number",
        types.StrType: "string",
        types.BoolType: "boolean",
        types.NoneType: "null",
    }
    return {"type": simple[type(kind)]} if type(kind) in simple else {}


def encode(value: Any) -> bytes:
    """The JSON of an answer."""
    return msgspec.json.encode(plain(value))
