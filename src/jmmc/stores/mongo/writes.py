"""Plans which documents a batch of pushes is written to, and what each push is answered. No I/O.

A write may be sent twice, and another collector may send the same one. So each kind of write (the
subclasses of `Write`) changes nothing when it is repeated:

* `CreateDocument` is an upsert whose filter demands that the document does not exist.
* `SetInOrder` extends a document whose samples came in order. Element `i` of document `n` is sample
  `n * SAMPLES + i`, so each sample is set at its position, by `_id` alone. That costs MongoDB a
  third of what any other filter does.
* `AddOutOfOrder` is an upsert whose filter says that none of the samples is there. It marks the
  document with `o`: elements are not at their positions any more. The `$pull` of `SetInOrder` fails
  on that mark, because it is no array, so a collector that has not read it cannot overwrite.
* `AppendV1` and `ExtendV1` are for dialect v1, which numbers nothing: `$addToSet` stores what is
  equal in time and readings once. `ExtendV1` finds its document by `_id` alone, which halves what a
  push costs MongoDB. So it may make a document longer than `SAMPLES`, by what other collectors add
  to it. `CloseV1` marks the document with `f` when a session goes on in the next one: from then on
  the `$pull` of `ExtendV1` fails.
* `Touch` changes nothing: it confirms that samples that were found stored are durable.

When a write fails or matches nothing, an assumption was wrong: the session is read, and its pushes
are planned again. A filter need not name the owner of a v2 session: either the session was read, or
it is assumed to be new, and then no document may exist.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, ClassVar

from bson import ObjectId
from msgspec import Struct, field

from jmmc.core.model import Dialect, Push, Receipt, Refusal, Sample
from jmmc.stores.mongo.documents import (
    SAMPLES,
    Document,
    document_id,
    element,
    new_document,
    session_id_of,
)

V2_PROJECTION: Mapping[str, Any] = {"conf": True, "uid": True, "s": True, "o": True, "m.seq": True}
"""The fields that `WritePlan.remember` needs of the documents of v2 sessions."""
V1_PROJECTION: Mapping[str, Any] = {"m": {"$slice": -SAMPLES}}
"""The fields that `WritePlan.remember` needs of the documents of v1 sessions."""

_BAD_VALUE = 2  # The error of `$pull` on a field that is no array.
_DUPLICATE_KEY = 11000


class RememberedSession(Struct):
    """What is remembered of a session. `next_seq` is the seq after the highest stored.

    The samples of block `seq // SAMPLES` are in the document of that number. But every session has
    a document 0: `first_block` is the block in it, a later one where the session's beginning is
    lost. `in_order` says that the last document has all samples of its block up to `next_seq`, each
    at its position. `exists` says that the session is stored, or will be by the planned writes.

    In dialect v1 `next_seq` counts samples, a full document as `SAMPLES`; `is_closed` says that the
    last document needs no mark when the next one begins. Only in the round that
    has read the session, `stored_seqs` has the numbers found near those of the pushes (v2), and
    `last_elements` the elements of a last document that is full (v1).
    """

    room: str
    browser_id: str
    next_seq: int = 0
    exists: bool = True
    in_order: bool = False
    first_block: int | None = None
    stored_seqs: set[int] | None = None
    last_elements: Sequence[Document] = ()
    is_closed: bool = False

    def belongs_to(self, push: Push) -> bool:
        """Whether the push is of the room and the browser that began the session."""
        return self.room == push.room and self.browser_id == push.browser_id

    def document_number(self, seq: int) -> int:
        """The number of the document that sample `seq` belongs in."""
        block = seq // SAMPLES
        if self.first_block is None:
            self.first_block = block
        return 0 if block == self.first_block else block


class Write(Struct):
    """What one document of `session` gets, for the pushes at `indices`: one of the kinds below."""

    session: str
    indices: set[int]
    document: ObjectId

    conflict_code: ClassVar[int] = _DUPLICATE_KEY
    """The error that says that another collector has written to the document first."""
    must_match: ClassVar[bool] = False
    """Whether nothing is stored when no document matches."""

    def statement(self) -> Document:
        """The statement of the command `update` to send."""
        raise NotImplementedError

    def shows_deletion(self) -> bool:
        """Whether the session was deleted by somebody else, if this write has made a document."""
        return False


class Touch(Write):
    """Confirms samples that were found stored: as durable as a new write when it succeeds."""

    room: str

    def statement(self) -> Document:
        """See `Write.statement`."""
        return {"q": {"_id": self.document}, "u": {"$set": {"conf": self.room}}}


class SetInOrder(Write):
    """Extends a document whose samples are in order."""

    elements: Sequence[Document]

    conflict_code: ClassVar[int] = _BAD_VALUE
    must_match: ClassVar[bool] = True

    def statement(self) -> Document:
        """See `Write.statement`."""
        positions = {f"m.{element['seq'] % SAMPLES}": element for element in self.elements}
        update = {"$set": {**positions, "d": True}, "$pull": {"o": 0}}
        return {"q": {"_id": self.document}, "u": update}


class CreateDocument(Write):
    """Makes a document that must not exist; `in_order` as in `RememberedSession`."""

    fields: Document
    elements: Sequence[Document]
    in_order: bool

    def statement(self) -> Document:
        """See `Write.statement`."""
        marks = {"d": True} if self.in_order else {"d": True, "o": True}
        absent = {"_id": self.document, "m": {"$exists": False}}
        return {"q": absent, "u": _push(self.fields, self.elements, marks), "upsert": True}


class AddOutOfOrder(Write):
    """Adds samples to a document, or makes it with them; `expected` where it should exist."""

    fields: Document
    elements: Sequence[Document]
    expected: bool

    def statement(self) -> Document:
        """See `Write.statement`."""
        seqs = [element["seq"] for element in self.elements]
        without = {"_id": self.document, "m.seq": {"$nin": seqs}}
        marks = {"d": True, "o": True}
        return {"q": without, "u": _push(self.fields, self.elements, marks), "upsert": True}

    def shows_deletion(self) -> bool:
        """See `Write.shows_deletion`."""
        return self.expected


class CloseV1(Touch):
    """Marks a v1 document that is full: no collector adds to it any more."""

    def statement(self) -> Document:
        """See `Write.statement`."""
        return {"q": {"_id": self.document}, "u": {"$set": {"conf": self.room, "f": True}}}


class AppendV1(Write):
    """Adds v1 samples to a document that is not full, or makes it; `expected` where it exists.

    The owner of the session may not have been read, so it is part of the filter.
    """

    fields: Document
    elements: Sequence[Document]
    expected: bool

    def statement(self) -> Document:
        """See `Write.statement`."""
        filter_ = {
            "_id": self.document,
            f"m.{SAMPLES - 1}": {"$exists": False},
            "f": {"$exists": False},
            "conf": self.fields["conf"],
            "uid": self.fields["uid"],
        }
        update = {
            "$setOnInsert": self.fields,
            "$addToSet": {"m": {"$each": self.elements}},
            "$set": {"d": True},
        }
        return {"q": filter_, "u": update, "upsert": True}

    def shows_deletion(self) -> bool:
        """See `Write.shows_deletion`."""
        return self.expected


class ExtendV1(Write):
    """Adds v1 samples to a document that exists and is not marked as full."""

    elements: Sequence[Document]

    conflict_code: ClassVar[int] = _BAD_VALUE
    must_match: ClassVar[bool] = True

    def statement(self) -> Document:
        """See `Write.statement`."""
        update = {
            "$addToSet": {"m": {"$each": self.elements}},
            "$set": {"d": True},
            "$pull": {"f": 0},
        }
        return {"q": {"_id": self.document}, "u": update}


class _Addition(Struct):
    """What the pushes at `indices` add to a document; `push` is the first of them.

    `expected`: the document should exist. `assumed_new`: no document of the session should.
    """

    push: Push
    number: int
    expected: bool
    assumed_new: bool
    samples: list[Sample] = field(default_factory=list)
    indices: set[int] = field(default_factory=set)
    in_order: bool = True


class WritePlan:
    """Plans the writes of one round; `remembered` has sessions by id and is kept up to date.

    Its last sessions are those of the most recent pushes.

    With `assume_new` a session that is not remembered is taken for a new one when its first push
    comes.
    """

    def __init__(
        self, remembered: OrderedDict[str, RememberedSession], *, assume_new: bool
    ) -> None:
        self._remembered = remembered
        self._assume_new = assume_new
        self._additions: dict[tuple[str, int], _Addition] = {}
        self._closed: list[Write] = []
        self._assigned: list[RememberedSession] = []
        self._absent: set[str] = set()

    def sessions_to_read(self, pushes: Iterable[Push]) -> dict[str, list[Push]]:
        """Sessions that have to be read before `assign`, each with its pushes."""
        to_read: dict[str, list[Push]] = {}
        by_session: dict[str, list[Push]] = {}
        for push in pushes:
            by_session.setdefault(push.session, []).append(push)
        for session_id, session_pushes in by_session.items():
            session = self._remembered.get(session_id)
            if session is None and self._assume_new and _seems_new(session_pushes):
                session = RememberedSession(session_pushes[0].room, session_pushes[0].browser_id)
            if session is None or not _continues(session, session_pushes):
                to_read[session_id] = session_pushes
        return to_read

    def remember(
        self, to_read: Mapping[str, Sequence[Push]], documents: Iterable[Document]
    ) -> None:
        """Remember what was read of the sessions that `sessions_to_read` has named."""
        by_session: dict[str, list[Document]] = {}
        for document in documents:
            by_session.setdefault(session_id_of(document), []).append(document)
        for session_id, pushes in to_read.items():
            self._remembered.pop(session_id, None)
            if session_documents := by_session.get(session_id):
                read = _remembered_v1 if pushes[0].dialect is Dialect.V1 else _remembered_v2
                self._remembered[session_id] = read(session_documents)
            else:
                self._absent.add(session_id)

    def assign(self, index: int, push: Push) -> Receipt | Refusal:
        """Assign push number `index` to documents; its answer when the writes have succeeded."""
        session = self._remembered.get(push.session)
        if session is None:
            if not push.opens:
                return Refusal.UNKNOWN_SESSION
            session = RememberedSession(push.room, push.browser_id, exists=False)
            self._remembered[push.session] = session
            if push.session in self._absent:
                session.stored_seqs = set()
        if not session.belongs_to(push):
            return Refusal.OTHER_OWNER
        self._remembered.move_to_end(push.session)
        self._assigned.append(session)
        if push.dialect is Dialect.V1:
            return self._assign_v1(index, push, session)
        return self._assign_v2(index, push, session)

    def writes(self) -> list[Write]:
        """One write for each document. What was read of the sessions is forgotten: it ages."""
        for session in self._assigned:
            session.stored_seqs = None
            session.last_elements = ()
            session.exists = True
        return [*(_write(addition) for addition in self._additions.values()), *self._closed]

    def _assign_v1(self, index: int, push: Push, session: RememberedSession) -> Receipt:
        for sample in push.samples:
            number = session.next_seq // SAMPLES
            if session.last_elements and element(sample) in session.last_elements:
                self._addition(index, push, session, number - 1)
                continue
            if session.next_seq and not session.next_seq % SAMPLES:
                if not session.is_closed:
                    last = document_id(push.session, number - 1)
                    self._closed.append(CloseV1(push.session, {index}, last, push.room))
                session.is_closed = False
            self._addition(index, push, session, number).samples.append(sample)
            session.next_seq += 1
        return Receipt(None)

    def _assign_v2(self, index: int, push: Push, session: RememberedSession) -> Receipt:
        next_seq = session.next_seq
        gap = False
        for sample in push.samples:
            seq = sample.seq or 0
            gap = not sample.full and (gap or seq > next_seq)
            addition = self._addition(index, push, session, session.document_number(seq))
            if session.stored_seqs is None or seq not in session.stored_seqs:
                begins_block = seq >= next_seq and not seq % SAMPLES
                in_order = begins_block or (seq == next_seq and session.in_order)
                addition.samples.append(sample)
                addition.in_order = addition.in_order and in_order
                if seq >= next_seq:
                    session.in_order = in_order
                if session.stored_seqs is not None:
                    session.stored_seqs.add(seq)
            next_seq = max(next_seq, seq + 1)
        resent = seq + 1 < session.next_seq
        session.next_seq = next_seq
        if resent and session.stored_seqs is not None:
            return Receipt(next(s for s in count(seq) if s + 1 not in session.stored_seqs))
        return Receipt(seq, gap)

    def _addition(
        self, index: int, push: Push, session: RememberedSession, number: int
    ) -> _Addition:
        """What document `number` gets; one that gets no samples is only touched."""
        addition = self._additions.get((push.session, number))
        if addition is None:
            expected = session.exists and number == self._last_number(push, session)
            # A v1 session is never assumed to be new: samples without a number are stored once only
            # if they go to the document that they went to before.
            v2 = push.dialect is Dialect.V2
            assumed_new = v2 and not session.exists and session.stored_seqs is None
            addition = _Addition(push, number, expected, assumed_new)
            self._additions[push.session, number] = addition
        addition.indices.add(index)
        return addition

    def _last_number(self, push: Push, session: RememberedSession) -> int:
        """The number of the document that has the session's last sample."""
        if push.dialect is Dialect.V1:
            return (session.next_seq - 1) // SAMPLES
        return session.document_number(session.next_seq - 1)


def document_ids(to_read: Mapping[str, Sequence[Push]]) -> list[ObjectId]:
    """The documents that show how v2 pushes continue what is stored, by session.

    For each sample its own document and those beside it, however far the numbers are apart.
    """
    ids: set[ObjectId] = set()
    for session, pushes in to_read.items():
        blocks = {(sample.seq or 0) // SAMPLES for push in pushes for sample in push.samples}
        near = {block + step for block in blocks for step in (-1, 0, 1) if block + step > 0}
        ids.update(document_id(session, number) for number in {0, *near})
    return list(ids)


def _seems_new(pushes: Sequence[Push]) -> bool:
    """Whether a session that is not remembered may be written to without being read.

    All samples must go to its first document: a second document would be stored before the first
    one is refused.
    """
    first = pushes[0]
    return (
        first.opens
        and not first.samples[0].seq
        and all((push.samples[-1].seq or 0) < SAMPLES for push in pushes)
    )


def _continues(session: RememberedSession, pushes: Iterable[Push]) -> bool:
    """Whether the pushes just continue what is remembered, or are another owner's anyway.

    Not where they begin a document: it would be made, and never be seen, even if another process
    had erased the session meanwhile.
    """
    next_seq = session.next_seq
    for push in pushes:
        if not session.belongs_to(push):
            continue
        for sample in push.samples:
            if push.dialect is Dialect.V2 and sample.seq != next_seq:
                return False
            if next_seq and not next_seq % SAMPLES:
                return False
            next_seq += 1
    return True


def _remembered_v1(documents: Sequence[Document]) -> RememberedSession:
    last = max(documents, key=lambda document: document.get("c", 0))
    number = last.get("c", 0)
    elements = last["m"]
    full = len(elements) >= SAMPLES or "f" in last
    next_seq = (number + 1) * SAMPLES if full else number * SAMPLES + len(elements)
    return RememberedSession(
        last["conf"],
        last["uid"],
        next_seq,
        last_elements=elements if full else (),
        # The Express.js middleware's own documents, which have no `at`, are not rewritten.
        is_closed="f" in last or "at" not in last,
    )


def _remembered_v2(documents: Sequence[Document]) -> RememberedSession:
    stored = {e["seq"] for document in documents for e in document["m"] if "seq" in e}
    next_seq = max(stored, default=-1) + 1
    first_block: int | None = None
    in_order = False
    for document in documents:
        seqs = [element.get("seq", -1) for element in document["m"]]
        if "s" not in document and seqs[0] >= 0:
            first_block = seqs[0] // SAMPLES
        if next_seq - 1 in seqs:
            at_positions = all(seq % SAMPLES == position for position, seq in enumerate(seqs))
            in_order = at_positions and "o" not in document
    first = documents[0]
    exists = first_block is not None
    return RememberedSession(
        first["conf"], first["uid"], next_seq, exists, in_order, first_block, stored
    )


def _write(addition: _Addition) -> Write:
    push, number = addition.push, addition.number
    target = (push.session, addition.indices, document_id(push.session, number))
    if not addition.samples:
        return Touch(*target, push.room)
    elements = [element(sample) for sample in addition.samples]
    if push.dialect is Dialect.V2 and addition.in_order and addition.expected:
        return SetInOrder(*target, elements)
    if push.dialect is Dialect.V1 and addition.expected and not push.opens:
        return ExtendV1(*target, elements)
    fields = new_document(push, number, addition.samples[0].ts)
    if push.dialect is Dialect.V1:
        return AppendV1(*target, fields, elements, addition.expected)
    if addition.in_order or addition.assumed_new:
        return CreateDocument(*target, fields, elements, addition.in_order)
    return AddOutOfOrder(*target, fields, elements, addition.expected)


def _push(fields: Document, elements: Sequence[Document], marks: Document) -> Document:
    """The update that adds elements, to a new document with `fields` where there is none."""
    return {"$setOnInsert": fields, "$push": {"m": {"$each": elements}}, "$set": marks}
