"""Columns of tables: what each holds, by the type of the field or of the reading it comes from."""

from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any

from msgspec import Struct, inspect

from jmmc.core.fields import MOMENT, PLACES


class ColumnKind(Enum):
    """What the values of a column are; any may be None."""

    MOMENT = "moment"
    FLAG = "flag"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"


Columns = Mapping[str, ColumnKind]
Row = Mapping[str, Any]

_KINDS = {
    inspect.BoolType: ColumnKind.FLAG,
    inspect.IntType: ColumnKind.INTEGER,
    inspect.FloatType: ColumnKind.NUMBER,
}


def columns_of(types: Mapping[str, Any]) -> dict[str, ColumnKind]:
    """The columns of rows whose values have these types."""
    return {name: _kind(inspect.type_info(type_)) for name, type_ in types.items()}


def struct_row(struct: Struct) -> dict[str, Any]:
    """A struct as one row.

    A field of a struct in it has the name of the outer field before its own, an interval is two
    columns, and of another sequence the column has the words. Numbers with `PLACES` are rounded.
    """
    row: dict[str, Any] = {}
    for name, type_ in _fields(type(struct)):
        value = _rounded(type_, getattr(struct, name))
        if isinstance(type_, inspect.StructType):
            row |= {f"{name}_{key}": inner for key, inner in struct_row(value).items()}
        elif isinstance(type_, inspect.TupleType):
            row |= {f"{name}_low": value[0], f"{name}_high": value[1]}
        elif isinstance(type_, inspect.VarTupleType):
            row[name] = " ".join(map(str, value))
        elif isinstance(type_, inspect.EnumType):
            row[name] = value.name.lower()
        else:
            row[name] = value
    return row


@cache
def struct_columns(cls: type[Struct]) -> Columns:
    """The columns of `struct_row`."""
    columns: dict[str, ColumnKind] = {}
    for name, type_ in _fields(cls):
        if isinstance(type_, inspect.StructType):
            inner = struct_columns(type_.cls)
            columns |= {f"{name}_{key}": kind for key, kind in inner.items()}
        elif isinstance(type_, inspect.TupleType):
            low, high = map(_kind, type_.item_types)
            columns |= {f"{name}_low": low, f"{name}_high": high}
        else:
            columns[name] = _kind(type_)
    return columns


@cache
def _fields(cls: type[Struct]) -> tuple[tuple[str, inspect.Type], ...]:
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    return tuple((field.name, field.type) for field in info.fields)


def _rounded(type_: inspect.Type, value: Any) -> Any:
    """A value with as many places as its type has, also within an interval."""
    if value is None:
        return None
    if isinstance(type_, inspect.UnionType):
        (type_, *others) = [part for part in type_.types if type(part) is not inspect.NoneType]
        return value if others else _rounded(type_, value)
    if isinstance(type_, inspect.TupleType):
        return tuple(map(_rounded, type_.item_types, value))
    if isinstance(type_, inspect.Metadata):
        places = (type_.extra or {}).get(PLACES)
        return value if places is None else round(value, places)
    return value


def _kind(type_: inspect.Type) -> ColumnKind:
    if isinstance(type_, inspect.Metadata):
        is_moment = (type_.extra or {}).get("kind") == MOMENT
        return ColumnKind.MOMENT if is_moment else _kind(type_.type)
    if isinstance(type_, inspect.UnionType):
        (present,) = (part for part in type_.types if not isinstance(part, inspect.NoneType))
        return _kind(present)
    return _KINDS.get(type(type_), ColumnKind.TEXT)
