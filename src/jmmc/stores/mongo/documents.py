"""The documents of a session in MongoDB: the stored form of the protocol, cut to a bounded size.

The first document is the session's own, as the ancestor writes it; each of the following ones has
`SAMPLES` elements of `m` more, the same `conf` and `uid`, and says in `s` whose it is and in `c`
the how manieth. A document's `_id` follows from session and number, so any collector finds it.
`d` marks documents with samples that no summary knows yet, `o` those whose elements are out of
order: in all others of dialect v2, element `i` of document `n` is sample `n * SAMPLES + i`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
from bson import ObjectId

from jmmc.core.model import Dialect, Push, Sample, Session, second_of, seq_of

SAMPLES = 60
"""Elements of a document: half an hour, 10 KB. MongoDB rewrites a document at each push."""

Document = dict[str, Any]


def document_id(session: str, number: int) -> ObjectId:
    """The `_id` of a session's document number 0, 1, ..."""
    if number == 0:
        return ObjectId(session)
    return ObjectId(sha256(f"jmmc document {session} {number}".encode()).digest()[:12])


def element(sample: Sample) -> Document:
    """A sample as an element of `m`."""
    own: Document = {"ts": sample.ts}
    if sample.seq is not None:
        own["seq"] = sample.seq
    if sample.full:
        own["full"] = True
    if sample.bye:
        own["bye"] = True
    own.update(msgspec.json.decode(sample.readings))
    return own


def new_document(push: Push, number: int, began: int) -> Document:
    """What a document is born with, beside `_id` and `m`. `at` is for MongoDB's own clock."""
    fields: Document = {
        "conf": push.room,
        "uid": push.browser_id,
        "at": datetime.fromtimestamp(began, UTC),
    }
    if push.dialect is Dialect.V2:
        fields["v"] = 2
    if number:
        fields["s"] = ObjectId(push.session)
        fields["c"] = number
    return fields


def whose(document: Mapping[str, Any]) -> str:
    """The id of the session that a document is part of."""
    return str(document.get("s") or document["_id"])


def all_of(firsts: Sequence[ObjectId]) -> Document:
    """The query for all documents of sessions, by the `_id` of their first ones."""
    return {"$or": [{"_id": {"$in": firsts}}, {"s": {"$in": firsts}}]}


def is_session(document: Mapping[str, Any]) -> bool:
    """Whether a document is one of ours or the ancestor's: the collection may hold others."""
    elements = document.get("m")
    return (
        isinstance(document.get("_id"), ObjectId)
        and isinstance(document.get("conf"), str)
        and isinstance(document.get("uid"), str)
        and isinstance(elements, list)
        and any(element is not None for element in elements)
        and all(element is None or _is_element(element) for element in elements)
    )


def _is_element(value: object) -> bool:
    return isinstance(value, dict) and second_of(value.get("ts")) is not None


def session_of(documents: Sequence[Mapping[str, Any]]) -> Session:
    """The session of its documents, given in order; the first one is its own."""
    first = documents[0]
    dialect = Dialect.V2 if first.get("v") == 2 else Dialect.V1
    # MongoDB fills up with null before a sample set at its place, if a backup lost those before.
    elements = [item for document in documents for item in document["m"] if item is not None]
    samples = [sample_of(element) for element in elements]
    if dialect is Dialect.V2:
        samples.sort(key=lambda sample: -1 if sample.seq is None else sample.seq)
    return Session(
        str(first["_id"]), first["conf"], first["uid"], dialect, _began(first), tuple(samples)
    )


def sample_of(element: Mapping[str, Any]) -> Sample:
    """The sample that an element of `m` holds, whoever wrote it."""
    readings = dict(element)
    ts = second_of(readings.pop("ts", None))
    seq = seq_of(readings.pop("seq", None))
    full = readings.pop("full", None) is True
    bye = readings.pop("bye", None) is True
    return Sample(
        seq,
        0 if ts is None else ts,
        msgspec.json.encode(readings, enc_hook=_plain),
        full,
        bye,
    )


def _began(first: Mapping[str, Any]) -> int:
    at = first.get("at")
    if isinstance(at, datetime):
        return int(at.replace(tzinfo=UTC).timestamp())
    return sample_of(first["m"][0]).ts


def _plain(value: object) -> object:
    """BSON's own integer, and what JSON does not have: that only another writer can have stored."""
    return int(value) if isinstance(value, int) else str(value)
