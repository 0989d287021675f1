"""The documents of a session in MongoDB: the stored form of the protocol, in bounded pieces.

The first document is the session's own, in the form of the Express.js middleware. Each later one
has up to `SAMPLES` more elements in `m`, the same `conf` and `uid`, the session in `s` and its own
number in `c`. A document's `_id` is computed from session and number, so any collector finds it.
`d` marks documents with samples that no summary covers yet, `o` those whose elements are out of
order; in all others of dialect v2, element `i` of document `n` is sample `n * SAMPLES + i`. `f`
marks documents of dialect v1 to which nothing is added any more. `p` is the partition of the room
(`core.partitions`).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
from bson import ObjectId

from jmmc.core.model import Dialect, Push, Sample, Session, second_of, seq_of
from jmmc.core.partitions import partition_of

SAMPLES = 60
"""Elements per document: half an hour, 10 KB. MongoDB rewrites a document at each push."""

Document = dict[str, Any]


def document_id(session: str, number: int) -> ObjectId:
    """The `_id` of a session's document number 0, 1, ..."""
    if number == 0:
        return ObjectId(session)
    return ObjectId(sha256(f"jmmc document {session} {number}".encode()).digest()[:12])


def element(sample: Sample) -> Document:
    """A sample as an element of `m`."""
    fields: Document = {"ts": sample.ts}
    if sample.seq is not None:
        fields["seq"] = sample.seq
    if sample.full:
        fields["full"] = True
    if sample.bye:
        fields["bye"] = True
    fields.update(msgspec.json.decode(sample.readings))
    return fields


def new_document(push: Push, number: int, began: int) -> Document:
    """The fields of a new document but `_id` and `m`. `at` is for MongoDB's retention."""
    fields: Document = {
        "conf": push.room,
        "uid": push.browser_id,
        "at": datetime.fromtimestamp(began, UTC),
    }
    if push.dialect is Dialect.V2:
        fields["v"] = 2
    fields["p"] = partition_of(push.room)
    if number:
        fields["s"] = ObjectId(push.session)
        fields["c"] = number
    return fields


def session_id_of(document: Mapping[str, Any]) -> str:
    """The id of the session that a document belongs to."""
    return str(document.get("s") or document["_id"])


def all_of(firsts: Sequence[ObjectId]) -> Document:
    """The query for all documents of sessions, given by the `_id` of their first documents."""
    return {"$or": [{"_id": {"$in": firsts}}, {"s": {"$in": firsts}}]}


def is_session(document: Mapping[str, Any]) -> bool:
    """Whether a document holds samples, ours or the Express.js middleware's."""
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
    """The session of its documents, given in order from the first."""
    first = documents[0]
    dialect = Dialect.V2 if first.get("v") == 2 else Dialect.V1
    # Where a restored backup lacks samples, MongoDB fills with null up to the next position.
    elements = [e for document in documents for e in document["m"] if e is not None]
    samples = [sample_of(element) for element in elements]
    if dialect is Dialect.V2:
        samples.sort(key=lambda sample: -1 if sample.seq is None else sample.seq)
    return Session(
        str(first["_id"]), first["conf"], first["uid"], dialect, _began(first), tuple(samples)
    )


def sample_of(element: Mapping[str, Any]) -> Sample:
    """The sample of an element of `m`, ours or another writer's."""
    readings = dict(element)
    ts = second_of(readings.pop("ts", None))
    seq = seq_of(readings.pop("seq", None))
    full = readings.pop("full", None) is True
    bye = readings.pop("bye", None) is True
    return Sample(
        seq,
        0 if ts is None else ts,
        msgspec.json.encode(readings, enc_hook=_json_value),
        full,
        bye,
    )


def _began(first: Mapping[str, Any]) -> int:
    at = first.get("at")
    if isinstance(at, datetime):
        return int(at.replace(tzinfo=UTC).timestamp())
    return sample_of(first["m"][0]).ts


def _json_value(value: object) -> object:
    """The value in JSON of a BSON type that only another writer can have stored."""
    return int(value) if isinstance(value, int) else str(value)
