"""The queries of MongoDB that a filter stands for."""

import re
from datetime import UTC, datetime

from bson import ObjectId

from jmmc.core.model import SessionFilter
from jmmc.quality.filters import FILTERS, SummaryFilter
from jmmc.stores.mongo.documents import Document
from jmmc.stores.summary_columns import column


def session_query(selection: SessionFilter) -> Document:
    """A session's own document. The ancestor's have no `at`: their `_id` tells the second."""
    query: Document = {"s": None}
    if selection.room is not None:
        query["conf"] = selection.room
    if selection.browser_id is not None:
        query["uid"] = selection.browser_id
    moments: Document = {}
    keys: Document = {}
    for operator, second in (("$gte", selection.since), ("$lt", selection.until)):
        if second is not None:
            second = min(max(second, 0), 2**32 - 1)
            moments[operator] = datetime.fromtimestamp(second, UTC)
            keys[operator] = ObjectId(second.to_bytes(4, "big").hex() + "0" * 16)
    if moments:
        query["$or"] = [{"at": moments}, {"at": None, "_id": keys}]
    return query


def summary_query(selection: SummaryFilter, longest: int) -> Document:
    """The query for summaries, of which none is of a session longer than `longest` seconds."""
    query: Document = {}
    for row in FILTERS:
        if (value := getattr(selection, row.field)) is None:
            continue
        name = column(row.field)
        if not value:
            query[name] = {"$in": ["", None]}  # None: of a version that had no such field.
        elif row.prefix:
            query[name] = {"$regex": f"^{literal(value)}( |$)"}
        else:
            query[name] = value
    if selection.running is not None:
        query["running"] = selection.running
    if selection.until is not None:
        query["began"] = {"$lt": selection.until}
    if selection.since is not None:
        # No session is longer than the longest: so an index on the beginning is enough.
        least = selection.since - longest
        query["ended"] = {"$gte": selection.since}
        query["began"] = {**query.get("began", {}), "$gte": least}
    return query


def literal(text: str) -> str:
    """A pattern for `text` itself; BSON has no NUL in patterns."""
    return re.escape(text).replace("\0", r"\x00")
