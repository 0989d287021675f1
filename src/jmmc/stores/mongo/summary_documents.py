"""The documents of summaries in MongoDB."""

from collections.abc import Sequence
from typing import Any

import msgspec

from jmmc.quality.summary import Summary
from jmmc.stores.mongo.documents import Document
from jmmc.stores.summary_columns import SUMMARY_COLUMNS, column


def summary_document(summary: Summary) -> Document:
    """The document of a summary: its columns, its series and all of it as JSON."""
    document: Document = {column(field): getattr(summary, field) for field in SUMMARY_COLUMNS}
    document["_id"] = document.pop("session")
    document["address"] = summary.address
    document["length"] = summary.ended - summary.began
    document["series"] = msgspec.json.encode(summary.series).decode()
    document["whole"] = msgspec.json.encode(summary)
    return document


def summary_fields(columns: Sequence[str]) -> dict[str, bool]:
    """The projection to these columns of summaries."""
    fields = {column(name): True for name in columns if name != "session"}
    return {"_id": "session" in columns, **fields}


def summary_rows(columns: Sequence[str], documents: Sequence[Document]) -> list[tuple[Any, ...]]:
    """The columns of documents; a field that an earlier version did not have is empty."""
    names = ["_id" if name == "session" else column(name) for name in columns]
    return [tuple(document.get(name, "") for name in names) for document in documents]
