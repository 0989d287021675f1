"""The documents of summaries in MongoDB."""

from collections.abc import Sequence
from typing import Any

import msgspec

from jmmc.quality.summary import Summary
from jmmc.stores.mongo.documents import Document
from jmmc.stores.summary_columns import (
    JSON_COLUMNS,
    OPTIONAL_COLUMNS,
    SUMMARY_COLUMNS,
    column,
    json_columns,
)


def summary_document(summary: Summary) -> Document:
    """The document of a summary: its columns, and all of it as JSON.

    `moved` has the values of the dimensions that changed during the session.
    """
    document: Document = {column(field): getattr(summary, field) for field in SUMMARY_COLUMNS}
    document["_id"] = document.pop("session")
    document["address"] = summary.address
    document["length"] = summary.ended - summary.began
    document.update(zip(JSON_COLUMNS, json_columns(summary), strict=True))
    if summary.segments:
        document["moved"] = {
            dimension: sorted({segment.values[dimension] for segment in summary.segments})
            for dimension in summary.segments[0].values
        }
    document["whole"] = msgspec.json.encode(summary)
    return document


def summary_fields(columns: Sequence[str]) -> Document:
    """The projection to these columns of summaries.

    Documents of an earlier version lack `_IN_WHOLE`: then these are read from the whole.
    """
    fields: Document = {column(name): True for name in columns if name != "session"}
    if lacking := [{"$eq": [{"$type": f"${name}"}, "missing"]} for name in _IN_WHOLE & {*fields}]:
        fields["whole"] = {"$cond": [{"$or": lacking}, "$whole", None]}
    return {"_id": "session" in columns, **fields}


def summary_rows(columns: Sequence[str], documents: Sequence[Document]) -> list[tuple[Any, ...]]:
    """The columns of documents; a field that an earlier version did not have is empty."""
    names = ["_id" if name == "session" else column(name) for name in columns]
    for document in documents:
        if document.get("whole"):
            whole = _WHOLE.decode(document["whole"])
            document.setdefault("lane", bytes(whole.lane).decode())
            document.setdefault("meeting", whole.meeting)
    empty = [
        "[]" if name in JSON_COLUMNS else None if name in OPTIONAL_COLUMNS else "" for name in names
    ]
    return [tuple(map(document.get, names, empty)) for document in documents]


class _Whole(msgspec.Struct):
    lane: msgspec.Raw
    meeting: str = ""


_WHOLE = msgspec.json.Decoder(_Whole)
_IN_WHOLE = {field.name for field in msgspec.structs.fields(_Whole)}
