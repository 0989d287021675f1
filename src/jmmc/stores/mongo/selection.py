"""The MongoDB queries for a filter."""

import re
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from jmmc.core.model import SessionFilter
from jmmc.quality.filters import FILTERS, SummaryFilter
from jmmc.quality.joins import ATTEMPTS, UNSUCCESSFUL
from jmmc.stores.mongo.documents import Document
from jmmc.stores.summary_columns import column


def session_query(selection: SessionFilter) -> Document:
    """The query for the first documents of the selected sessions.

    Those of the Express.js middleware have no `at`: their `_id` has the second.
    """
    query: Document = {"s": None}
    if selection.room is not None:
        query["conf"] = selection.room
    if selection.browser_id is not None:
        query["uid"] = selection.browser_id
    dates: Document = {}
    keys: Document = {}
    for operator, second in (("$gte", selection.since), ("$lt", selection.until)):
        if second is not None:
            second = min(max(second, 0), 2**32 - 1)
            dates[operator] = datetime.fromtimestamp(second, UTC)
            keys[operator] = ObjectId(second.to_bytes(4, "big").hex() + "0" * 16)
    if dates:
        query["$or"] = [{"at": dates}, {"at": None, "_id": keys}]
    return query


def summary_query(selection: SummaryFilter, longest: int) -> Document:
    """The query for the selected summaries; no session is longer than `longest` seconds."""
    query: Document = {}
    either: list[Document] = []
    for filter_ in FILTERS:
        if (value := getattr(selection, filter_.field)) is None:
            continue
        name = column(filter_.stored or filter_.field)
        condition: Any = filter_.key(value)
        if condition == "":
            condition = {"$in": ["", None]}  # An earlier version had no such field.
        elif filter_.prefix:
            condition = {"$regex": f"^{literal(value)}( |$)"}
        elif filter_.part:
            condition = {"$gt": "", "$regex": literal(condition)}
        if filter_.dimension and value:
            either.append({"$or": [{name: condition}, {f"moved.{name}": condition}]})
        elif filter_.dimension:
            either.append({"$or": [{name: condition}, {f"moved.{name}": ""}]})
        else:
            query[name] = condition
    if selection.attempts is not None:
        kind = {"$in": UNSUCCESSFUL} if selection.attempts else {"$nin": ATTEMPTS}
        either.append({"outcome": kind})
    if selection.rated is not None:
        query.setdefault("rating", {"$gt": 0} if selection.rated else None)
    if selection.running is not None:
        query["running"] = selection.running
    if selection.until is not None:
        query["began"] = {"$lt": selection.until}
    if selection.since is not None:
        # So that an index on `began` is enough.
        earliest = selection.since - longest
        there = [{"ended": {"$gt": selection.since}}, {"began": {"$gte": selection.since}}]
        either.append({"$or": there})
        query["began"] = {**query.get("began", {}), "$gte": earliest}
    if either:
        query["$and"] = either
    return query


def literal(text: str) -> str:
    """The pattern that matches `text` itself; BSON patterns cannot have a NUL."""
    return re.escape(text).replace("\0", r"\x00")
