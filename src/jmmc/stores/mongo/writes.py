"""Which documents a batch of pushes goes to, and what each push is answered. No I/O.

There are three kinds of write, and the driver may send each again, and so may another collector.

* A document that is not there yet is made: an upsert whose filter demands that it does not exist.
* One whose samples came in turn is extended. Element `i` of document `n` is sample
  `n * SAMPLES + i`, so the sample is set at its place, by `_id` alone: that costs MongoDB a third
  of what any other filter does. A second time changes nothing.
* Anything else is added by an upsert whose filter says that none of the samples is there, and
  marks the document with `o`: its elements do not stand at their places any more, and `$pull`,
  which fails on what is no array, keeps those away who do not know yet and would extend it.

What fails, or finds nothing, was believed wrongly: the session is read, and all is placed again.
Whose a session is need not stand in a filter: it was read, or it is believed to be new, and then
nothing may be there at all.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from itertools import count
from typing import Any

from bson import ObjectId
from msgspec import Struct, field

from jmmc.core.model import Dialect, Push, Receipt, Refusal, Sample
from jmmc.stores.mongo.documents import SAMPLES, Document, document_id, element, new_document, whose

V2_HEAD: Mapping[str, Any] = {"conf": True, "uid": True, "s": True, "o": True, "m.seq": True}
"""What `WritePlan.learn` needs of the documents of v2 sessions."""
V1_HEAD: Mapping[str, Any] = {"m": {"$slice": -SAMPLES}}
"""What `WritePlan.learn` needs of the documents of v1 sessions."""


class Head(Struct):
    """What is remembered of a session. `following` is the seq after the highest stored.

    Sample `seq` stands in document `seq // SAMPLES`. But a session has to have a document 0, and
    where its beginning is lost, `home` is the number of the one that stands there in its place.
    `in_turn` tells that the last document has all samples up to there, each at its place.

    In dialect v1 `following` counts samples, a full document as `SAMPLES`. In the round that has
    read the session again, `stored` has the numbers found near those that come (v2), and `last`
    the elements of a last document that is full (v1).
    """

    room: str
    browser_id: str
    following: int = 0
    exists: bool = True
    in_turn: bool = False
    home: int | None = None
    stored: set[int] | None = None
    last: Sequence[Document] = ()

    def belongs_to(self, push: Push) -> bool:
        """Whether the push is of the conference and the browser that began the session."""
        return self.room == push.room and self.browser_id == push.browser_id

    def number(self, seq: int) -> int:
        """The document of a sample, from the first one on."""
        number = seq // SAMPLES
        if self.home is None:
            self.home = number
        return 0 if number == self.home else number


class Write(Struct):
    """What one document gets, for the pushes at `indices`.

    `expected` tells that the document is believed to exist, `upsert` that it is made if not,
    `needed` that nothing is stored if not.
    """

    session: str
    filter: Document
    update: Document
    upsert: bool
    expected: bool
    indices: set[int]
    needed: bool = False


class _Growth(Struct):
    push: Push
    number: int
    expected: bool
    guessed: bool
    samples: list[Sample] = field(default_factory=list)
    indices: set[int] = field(default_factory=set)
    in_turn: bool = True


class WritePlan:
    """Places the pushes of one round, remembering sessions in `heads`.

    With `guess` a session that we do not know is believed to be new when its first push comes.
    """

    def __init__(self, heads: MutableMapping[str, Head], *, guess: bool) -> None:
        self._heads = heads
        self._guess = guess
        self._growths: dict[tuple[str, int], _Growth] = {}
        self._placed: list[Head] = []
        self._absent: set[str] = set()

    def stale(self, pushes: Iterable[Push]) -> dict[str, list[Push]]:
        """The pushes of the sessions that have to be read before their pushes can be placed."""
        stale: dict[str, list[Push]] = {}
        by_session: dict[str, list[Push]] = {}
        for push in pushes:
            by_session.setdefault(push.session, []).append(push)
        for session, value in by_session.items():
            head = self._heads.get(session)
            if head is None and self._guess and _seems_new(value):
                head = Head(value[0].room, value[0].browser_id)
            if head is None or not _continues(head, value):
                stale[session] = value
        return stale

    def learn(self, stale: Mapping[str, Sequence[Push]], documents: Iterable[Document]) -> None:
        """Remember what was read of the stale sessions."""
        found: dict[str, list[Document]] = {}
        for document in documents:
            found.setdefault(whose(document), []).append(document)
        for session, pushes in stale.items():
            self._heads.pop(session, None)
            if its := found.get(session):
                read = _read_v1 if pushes[0].dialect is Dialect.V1 else _read_v2
                self._heads[session] = read(its)
            else:
                self._absent.add(session)

    def place(self, index: int, push: Push) -> Receipt | Refusal:
        """What push number `index` is answered when the writes have succeeded."""
        head = self._heads.get(push.session)
        if head is None:
            if not push.opens:
                return Refusal.UNKNOWN_SESSION
            head = self._heads[push.session] = Head(push.room, push.browser_id, exists=False)
            if push.session in self._absent:
                head.stored = set()
        if not head.belongs_to(push):
            return Refusal.OTHER_OWNER
        self._placed.append(head)
        if push.dialect is Dialect.V1:
            return self._place_v1(index, push, head)
        return self._place_v2(index, push, head)

    def writes(self) -> list[Write]:
        """One for each document that is concerned. What was read is forgotten: it ages."""
        for head in self._placed:
            head.stored = None
            head.last = ()
            head.exists = True
        return [_write(growth) for growth in self._growths.values()]

    def _place_v1(self, index: int, push: Push, head: Head) -> Receipt:
        for sample in push.samples:
            if head.last and element(sample) in head.last:
                self._growth(index, push, head, head.following // SAMPLES - 1)
                continue
            self._growth(index, push, head, head.following // SAMPLES).samples.append(sample)
            head.following += 1
        return Receipt(None)

    def _place_v2(self, index: int, push: Push, head: Head) -> Receipt:
        following = head.following
        hole = False
        for sample in push.samples:
            seq = sample.seq or 0
            hole = not sample.full and (hole or seq > following)
            growth = self._growth(index, push, head, head.number(seq))
            if head.stored is None or seq not in head.stored:
                first = seq >= following and not seq % SAMPLES
                in_turn = first or (seq == following and head.in_turn)
                growth.samples.append(sample)
                growth.in_turn = growth.in_turn and in_turn
                if seq >= following:
                    head.in_turn = in_turn
                if head.stored is not None:
                    head.stored.add(seq)
            following = max(following, seq + 1)
        late = seq + 1 < head.following
        head.following = following
        if late and head.stored is not None:
            return Receipt(next(item for item in count(seq) if item + 1 not in head.stored))
        return Receipt(seq, hole)

    def _growth(self, index: int, push: Push, head: Head, number: int) -> _Growth:
        """What document `number` gets; may stay without samples: then it is only touched."""
        growth = self._growths.get((push.session, number))
        if growth is None:
            expected = head.exists and number == self._last(push, head)
            # Samples of v1 have no number: that they go where they would have gone before is
            # what keeps one that comes again from being stored again.
            v2 = push.dialect is Dialect.V2
            guessed = v2 and not head.exists and head.stored is None
            growth = _Growth(push, number, expected, guessed)
            self._growths[push.session, number] = growth
        growth.indices.add(index)
        return growth

    def _last(self, push: Push, head: Head) -> int:
        """The document that the session's last sample is in."""
        if push.dialect is Dialect.V1:
            return (head.following - 1) // SAMPLES
        return head.number(head.following - 1)


def document_ids(stale: Mapping[str, Sequence[Push]]) -> list[ObjectId]:
    """The documents that tell how the v2 pushes of stale sessions continue what is stored."""
    ids: set[ObjectId] = set()
    for session, pushes in stale.items():
        numbers = [(sample.seq or 0) // SAMPLES for push in pushes for sample in push.samples]
        near = range(max(0, min(numbers) - 1), max(numbers) + 2)
        ids.update(document_id(session, number) for number in (0, *near))
    return list(ids)


def _seems_new(pushes: Sequence[Push]) -> bool:
    """Whether a session that we do not know may be written to without being read.

    All must go to its first document: a second one would be there before the first is refused.
    """
    first = pushes[0]
    return (
        first.opens
        and not first.samples[0].seq
        and all((push.samples[-1].seq or 0) < SAMPLES for push in pushes)
    )


def _continues(head: Head, pushes: Iterable[Push]) -> bool:
    """Whether the pushes just add to what we know, or are another owner's anyway."""
    following = head.following
    for push in pushes:
        if push.dialect is Dialect.V1 or not head.belongs_to(push):
            continue
        for sample in push.samples:
            if sample.seq != following:
                return False
            following += 1
    return True


def _read_v1(documents: Sequence[Document]) -> Head:
    last = max(documents, key=lambda document: document.get("c", 0))
    number = last.get("c", 0)
    elements = last["m"]
    full = len(elements) >= SAMPLES
    following = (number + 1) * SAMPLES if full else number * SAMPLES + len(elements)
    return Head(last["conf"], last["uid"], following, last=elements if full else ())


def _read_v2(documents: Sequence[Document]) -> Head:
    stored = {item["seq"] for document in documents for item in document["m"] if "seq" in item}
    following = max(stored, default=-1) + 1
    home: int | None = None
    in_turn = False
    for document in documents:
        seqs = [item.get("seq", -1) for item in document["m"]]
        if "s" not in document and seqs[0] >= 0:
            home = seqs[0] // SAMPLES
        if following - 1 in seqs:
            at_their_places = all(seq % SAMPLES == place for place, seq in enumerate(seqs))
            in_turn = at_their_places and "o" not in document
    first = documents[0]
    return Head(first["conf"], first["uid"], following, home is not None, in_turn, home, stored)


def _write(growth: _Growth) -> Write:
    push, number = growth.push, growth.number
    key: Document = {"_id": document_id(push.session, number)}
    if not growth.samples:
        # Changes nothing, but is confirmed only when what is there is as durable as a new write.
        touch = {"$set": {"conf": push.room}}
        return Write(push.session, key, touch, False, growth.expected, growth.indices)
    elements = [element(sample) for sample in growth.samples]
    update: Document = {"$setOnInsert": new_document(push, number, growth.samples[0].ts)}
    if push.dialect is Dialect.V1:
        # Nothing numbers these. What is equal in time and readings says nothing twice.
        # And whose the session is may not have been read.
        key |= {f"m.{SAMPLES - 1}": {"$exists": False}, "conf": push.room, "uid": push.browser_id}
        update |= {"$addToSet": {"m": {"$each": elements}}, "$set": {"d": True}}
        if growth.expected and not push.opens:  # Only a push that opens makes a session.
            return Write(push.session, key, update, False, True, growth.indices, needed=True)
    elif growth.in_turn and growth.expected:
        places = {f"m.{element['seq'] % SAMPLES}": element for element in elements}
        update = {"$set": {**places, "d": True}, "$pull": {"o": 0}}
        return Write(push.session, key, update, False, True, growth.indices, needed=True)
    else:
        made = growth.in_turn or growth.guessed
        key |= {"m": {"$exists": False}} if made else {"m.seq": {"$nin": _seqs(elements)}}
        marks = {"d": True} if growth.in_turn else {"d": True, "o": True}
        update |= {"$push": {"m": {"$each": elements}}, "$set": marks}
    return Write(push.session, key, update, True, growth.expected, growth.indices)


def _seqs(elements: Iterable[Document]) -> list[int]:
    return [element["seq"] for element in elements]
