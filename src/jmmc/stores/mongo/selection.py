"""The MongoDB queries for a filter."""

import re
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from jmmc.core.model import SessionFilter
from jmmc.quality.filters import FILTERS, SummaryFilter
from jmmc.quality.ordering import Order
from jmmc.quality.outcomes import ATTEMPTS, UNSUCCESSFUL
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
        elif filter_.dimension:
            alternatives = filter_.alternatives(value)
            condition = {
                "$in": [_pattern(text) if filter_.prefix else text for text in alternatives]
            }
        elif filter_.part:
            either += [
                {name: {"$gt": "", "$regex": literal(part)}} for part in filter_.parts(value)
            ]
            continue
        if filter_.within and value:
            either.append({filter_.within: {"$gt": ""}})  # For its index.
        if filter_.dimension and value:
            either.append({"$or": [{name: condition}, {f"moved.{name}": condition}]})
        elif filter_.dimension:
            either.append({"$or": [{name: condition}, {f"moved.{name}": ""}]})
        else:
            query[name] = condition
    length = {"$subtract": ["$ended", "$began"]}
    if selection.min_seconds is not None:
        either.append({"$expr": {"$gte": [length, selection.min_seconds]}})
    if selection.max_seconds is not None:
        either.append({"$expr": {"$lte": [length, selection.max_seconds]}})
    if selection.sessions is not None:
        either.append({"_id": {"$in": list(selection.sessions)}})
    if selection.rooms is not None:
        either.append({"conf": {"$in": list(selection.rooms)}})
    if selection.attempts is not None:
        kind = {"$in": UNSUCCESSFUL} if selection.attempts else {"$nin": ATTEMPTS}
        either.append({"outcome": kind})
    if selection.rated is not None:
        query.setdefault("rating", {"$gt": 0} if selection.rated else None)
    if selection.running is not None:
        query["running"] = selection.running
        if selection.running:
            query["began"] = {"$gte": 0}  # The first field of the index of those that run.
    if selection.until is not None:
        query["began"] = {**query.get("began", {}), "$lt": selection.until}
    if selection.since is not None:
        # So that an index on `began` is enough.
        earliest = selection.since - longest
        there = [{"ended": {"$gt": selection.since}}, {"began": {"$gte": selection.since}}]
        either.append({"$or": there})
        query["began"] = {**query.get("began", {}), "$gte": earliest}
    if either:
        query["$and"] = either
    return query


def order_key(order: Order) -> Any:
    """The expression for `Order.key_of` in an aggregation."""
    known = {"$add": ["$good", "$fair", "$poor"]}
    match order.key:
        case "length":
            return {"$subtract": ["$ended", "$began"]}
        case "person":
            return _known_text("name_key", {"$concat": [order.last_text, "$uid"]})
        case "poor" | "bad":
            bad: Any = "$poor" if order.key == "poor" else {"$add": ["$fair", "$poor"]}
            share = {"$divide": [bad, known]}
            return {"$cond": [{"$gt": [known, 0]}, share, order.unknown_share]}
    return _known_text(column(order.key), order.last_text)


def _known_text(name: str, otherwise: Any) -> Document:
    """A text of a document; another one where it is empty or missing."""
    return {"$cond": [{"$gt": [f"${name}", ""]}, f"${name}", otherwise]}


def _pattern(text: str) -> re.Pattern[str]:
    """The pattern of values that begin with these whole words."""
    return re.compile(f"^{literal(text)}( |$)")


def literal(text: str) -> str:
    """The pattern that matches `text` itself; BSON patterns cannot have a NUL."""
    return re.escape(text).replace("\0", r"\x00")
