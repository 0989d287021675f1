"""A dictionary models what a store has to hold after any series of operations.

`MODEL_EXAMPLES=2000 .venv/bin/pytest tests/stores/test_model.py` tries more, and other, series.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jmmc.core.errors import StoreError
from jmmc.core.model import Dialect, Push, Receipt, Refusal, Sample, Session, SessionFilter
from jmmc.core.tasks import stop
from jmmc.maintenance.erase import forget
from jmmc.maintenance.summarizer import Summarizer
from jmmc.privacy.receipts import Subject, SubjectKind
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.rollups import HOUR
from jmmc.quality.summary import Summary
from jmmc.quality.thresholds import preset
from jmmc.stores import Store, open_store
from jmmc.stores.copy import copy
from jmmc.stores.spool import SpooledStore
from tests.support.builders import RHYTHM
from tests.support.mongod import Mongod

_T = TypeVar("_T")

_START = 1_789_948_800
_UIDS = tuple(f"{n}0000000-0000-0000-0000-000000000000" for n in range(2))
_V2 = tuple(f"{n:024x}" for n in range(1, 4))
_V1 = tuple(f"{n:024x}" for n in range(11, 13))
_ALL = SessionFilter()
_MEMORY = Path("/dev/shm")  # Faults of disks are tested in tests/faults.

_EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "0"))

_pushes = st.tuples(
    st.sampled_from(_V2),
    st.one_of(st.none(), st.integers(0, 5), st.integers(55, 65), st.integers(118, 124)),
    st.lists(st.integers(1, 3), min_size=1, max_size=4),
    st.booleans(),
    st.booleans(),
)
"""Session, first seq (None: the next one), steps to the following ones, full, bye."""


class _Held:
    """What has to be stored of a session; in v1 the keys only count."""

    def __init__(self, push: Push) -> None:
        self.room = push.room
        self.browser_id = push.browser_id
        self.began = push.samples[0].ts
        self.samples: dict[int, Sample] = {}

    @property
    def next_seq(self) -> int:
        return max(self.samples, default=-1) + 1

    def add(self, push: Push) -> Receipt:
        """The answer to a push, by the contract."""
        before = self.next_seq
        gap = False
        for sample in push.samples:
            seq = self.next_seq if sample.seq is None else sample.seq
            gap = not sample.full and (gap or seq > self.next_seq)
            self.samples.setdefault(seq, sample)
        if push.dialect is Dialect.V1:
            return Receipt(None)
        if seq + 1 < before:
            while seq + 1 in self.samples:
                seq += 1
            return Receipt(seq)
        return Receipt(seq, gap)


class _Model(RuleBasedStateMachine):
    """Several store objects on the same data, as several processes have them."""

    objects = 2
    prunes = True

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(
            tempfile.mkdtemp(prefix="jmmc-model-", dir=_MEMORY if _MEMORY.exists() else None)
        )
        self.now = _START
        self.held: dict[str, _Held] = {}
        self.abandoned: list[Store] = []
        self.copies = 0
        self.stores = [self.make() for _ in range(self.objects)]
        for store in self.stores:
            self.do(store.open())

    def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self.loop.run_until_complete(work)

    def make(self) -> Store:
        """Another store object on the same data."""
        return open_store(f"sqlite:///{self.folder}/calls.db")

    @property
    def store(self) -> Store:
        return self.stores[0]

    @property
    def whole(self) -> bool:
        """Whether everything that was confirmed can be read."""
        return True

    def teardown(self) -> None:
        for store in (*self.stores, *self.abandoned):
            self.do(store.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    # --- pushing ---

    @rule(which=st.integers(0, 1), drawn=st.lists(_pushes, min_size=1, max_size=3))
    def push(self, which: int, drawn: Sequence[Any]) -> None:
        """A batch of pushes: continuing, resent, overlapping, with gaps, full, with a goodbye."""
        next_seqs = {key: held.next_seq for key, held in self.held.items()}
        pushes = []
        for session, first, steps, full, bye in drawn:
            seq = next_seqs.get(session, 0) if first is None else first
            samples = []
            for number, step in enumerate(steps):
                readings = b'{"cq":%d,"u":{"bw":%d}}' % (self.now % 100, self.now - _START)
                last = number == len(steps) - 1
                ts = self.now + number
                samples.append(Sample(seq, ts, readings, full and not number, bye and last))
                seq += step
            next_seqs[session] = max(next_seqs.get(session, 0), samples[-1].seq + 1)
            uid = _UIDS[int(session, 16) % 2]
            pushes.append(Push(session, "room", uid, Dialect.V2, tuple(samples)))
            self.now += 30
        self.append(which, pushes)

    @rule(which=st.integers(0, 1), session=st.sampled_from(_V1), opens=st.booleans())
    def push_v1(self, which: int, session: str, opens: bool) -> None:
        sample = Sample(None, self.now, b'{"cq":%d}' % (self.now % 100))
        self.now += 30
        self.append(which, [Push(session, "hall", _UIDS[0], Dialect.V1, (sample,), opens)])

    @rule(which=st.integers(0, 1), session=st.sampled_from((*_V1, *_V2)))
    def push_as_somebody_else(self, which: int, session: str) -> None:
        if session in self.held and self.whole:
            dialect = Dialect.V1 if session in _V1 else Dialect.V2
            seq = None if session in _V1 else 0
            sample = Sample(seq, self.now, b"{}")
            push = Push(session, "elsewhere", _UIDS[0], dialect, (sample,))
            assert self.do(self.stores[which % len(self.stores)].append([push])) == [
                Refusal.OTHER_OWNER
            ]

    def append(self, which: int, pushes: Sequence[Push]) -> None:
        answers = self.do(self.stores[which % len(self.stores)].append(pushes))
        all_expected = [self.held_then(push) for push in pushes]
        for push, answer, expected in zip(pushes, answers, all_expected, strict=True):
            if isinstance(answer, Refusal) or isinstance(expected, Refusal) or expected.ack is None:
                assert answer == expected
            else:
                self.compare(push, answer, expected)

    def held_then(self, push: Push) -> Receipt | Refusal:
        if push.session not in self.held:
            if not push.opens and self.whole:
                return Refusal.UNKNOWN_SESSION
            self.held[push.session] = _Held(push)
        return self.held[push.session].add(push)

    def compare(self, push: Push, answer: Receipt, expected: Receipt) -> None:
        """A later push of the batch may have closed the next gap."""
        assert answer.gap == expected.gap
        self.confirms(push, answer, expected.ack or 0)

    def confirms(self, push: Push, answer: Receipt, least: int) -> None:
        assert answer.ack is not None
        assert answer.ack >= least
        assert set(range(least, answer.ack + 1)) <= self.held[push.session].samples.keys()

    # --- failing ---

    @rule(which=st.integers(0, 1))
    def crash(self, which: int) -> None:
        """A process dies, another one starts. Real crashes are tested in tests/faults."""
        which %= len(self.stores)
        self.abandoned.append(self.stores[which])
        self.stores[which] = self.make()
        self.do(self.stores[which].open())

    @rule(which=st.integers(0, 1))
    def restart(self, which: int) -> None:
        store = self.stores[which % len(self.stores)]
        self.do(store.close())
        self.do(store.open())

    # --- deleting ---

    @precondition(lambda self: self.prunes and self.whole)
    @rule(which=st.integers(0, 1), age=st.integers(0, 600))
    def prune(self, which: int, age: int) -> None:
        before = self.now - age

        async def prune() -> int:
            return sum([n async for n in _until_nothing(self.stores[which % self.objects], before)])

        old = [
            key
            for key, held in self.held.items()
            if held.began < before and all(s.ts < before for s in held.samples.values())
        ]
        assert self.do(prune()) == len(old)
        for key in old:
            del self.held[key]

    @precondition(lambda self: self.whole)
    @rule(uid=st.sampled_from(_UIDS))
    def forget(self, uid: str) -> None:
        sessions = [key for key, held in self.held.items() if held.browser_id == uid]
        samples = sum(len(self.held[key].samples) for key in sessions)

        async def erase() -> Any:
            steps = forget(
                self.store,
                Subject(SubjectKind.PARTICIPANT, uid),
                self.summarizer(),
                clock=self.clock,
                settle=0,
            )
            return [step async for step in steps][-1]

        receipt = self.do(erase())
        assert (receipt.sessions, receipt.samples) == (len(sessions), samples)
        for key in sessions:
            del self.held[key]
        self.now += 30
        assert self.do(self.store.count(SessionFilter(browser_id=uid))) == 0

    @rule(which=st.integers(0, 1), age=st.integers(0, 120))
    def pack(self, which: int, age: int) -> None:
        """Changes nothing that can be read. Sessions without a summary are left as they are."""

        async def pack() -> None:
            while await self.stores[which % len(self.stores)].pack(self.now - age):
                pass

        if self.whole:
            self.do(pack())

    # --- reading ---

    def clock(self) -> float:
        return self.now

    def summarizer(self) -> Summarizer:
        return Summarizer(
            self.store, preset=preset("jitsi"), rhythm=RHYTHM, clock=self.clock, holder="me"
        )

    @precondition(lambda self: self.whole)
    @rule()
    def incremental_summaries_equal_rebuilt_ones(self) -> None:
        """When all sessions are over: the summary of a running one depends on when it was made."""
        self.now += 90

        async def both() -> tuple[Any, Any]:
            while await self.summarizer().step():
                pass
            kept_up = await self.made()
            async for _ in self.summarizer().rebuild():
                pass
            return kept_up, await self.made()

        kept_up, anew = self.do(both())
        assert kept_up == anew
        by_session = {summary.session: summary for summary in anew[0]}
        for key, held in self.held.items():
            assert by_session[key].samples == len(held.samples)

    async def made(self) -> tuple[list[Summary], Any]:
        reports = self.store.reports
        summaries = await reports.summaries(SummaryFilter(), limit=1000)
        return summaries, await reports.rollups("", HOUR, 0, 2 * _START)

    @precondition(lambda self: self.whole)
    @rule()
    def copy_and_copy_again(self) -> None:
        self.copies += 1
        target = open_store(f"sqlite:///{self.folder}/copy{self.copies}.db")

        async def twice() -> list[Session]:
            await target.open()
            first = [progress async for progress in copy(self.store, target, _ALL)][-1]
            again = [progress async for progress in copy(self.store, target, _ALL)][-1]
            assert first.complete
            assert again.complete
            assert again.written == 0
            copied = [session async for session in target.sessions(_ALL)]
            await target.close()
            return copied

        self.same(self.do(twice()))

    @invariant()
    def everything_confirmed_is_stored_once_in_its_first_version(self) -> None:
        if self.whole:
            self.same(self.do(_sessions(self.store)))

    def same(self, sessions: Sequence[Session]) -> None:
        by_id = {session.id: session for session in sessions}
        assert len(by_id) == len(sessions), "a session came twice"
        assert by_id.keys() == self.held.keys()
        for key, held in self.held.items():
            expected = [held.samples[seq] for seq in sorted(held.samples)]
            assert list(by_id[key].samples) == expected
            assert (by_id[key].room, by_id[key].browser_id) == (held.room, held.browser_id)


class _Outage:
    """A real store that can be unreachable."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.away = False

    def __getattr__(self, name: str) -> Any:
        if self.away and name not in ("close", "open"):
            raise StoreError("away")
        return getattr(self.store, name)

    async def open(self) -> None:
        if self.away:
            raise StoreError("away")
        await self.store.open()


class _SpoolModel(_Model):
    """A spool before a store that is sometimes unreachable. Its folder belongs to one object."""

    objects = 1

    def __init__(self) -> None:
        self.away = False
        super().__init__()

    def make(self) -> Store:
        inner: Any = _Outage(super().make())
        inner.away = self.away
        return SpooledStore(inner, self.folder / "spool", limit=2**30, pause=0.001)

    @property
    def spooled(self) -> Any:
        return self.stores[0]

    @property
    def whole(self) -> bool:
        return not self.spooled._spooling and not self.away

    @rule()
    def outage(self) -> None:
        self.spooled.store.away = self.away = True

    @precondition(lambda self: self.away)
    @rule()
    def back(self) -> None:
        """The spool is not moved at once: more pushes may come meanwhile."""
        self.spooled.store.away = self.away = False

    @precondition(lambda self: not self.away)
    @rule()
    def moved(self) -> None:
        async def until_moved() -> None:
            while self.spooled._spooling:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

        self.do(asyncio.wait_for(until_moved(), 30))

    @rule(which=st.integers(0, 1))
    def crash(self, which: int) -> None:
        spooled = self.spooled
        if spooled._mover is not None:
            self.do(stop(spooled._mover))
        spooled._lock.close()
        spooled._lock = None
        super().crash(which)

    def compare(self, push: Push, answer: Receipt, expected: Receipt) -> None:
        """The spool does not know what the database has, so it asks for more full samples."""
        if self.whole:
            super().compare(push, answer, expected)
        else:
            assert answer.gap or not expected.gap
            self.confirms(push, answer, push.samples[-1].seq or 0)


async def _sessions(store: Store) -> list[Session]:
    return [session async for session in store.sessions(_ALL)]


async def _until_nothing(store: Store, before: int) -> Any:
    while pruned := await store.prune(before):
        yield pruned


def _run(model: type[_Model], examples: int, steps: int) -> None:
    how = settings(
        max_examples=_EXAMPLES or examples,
        stateful_step_count=steps,
        derandomize=not _EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(model, settings=how)


@pytest.mark.timeout(0 if _EXAMPLES else 120)
def test_sqlite_holds_everything_that_it_confirmed() -> None:
    _run(_Model, 28, 25)


@pytest.mark.timeout(0 if _EXAMPLES else 120)
def test_a_spool_and_its_database_hold_everything_that_they_confirmed() -> None:
    _run(_SpoolModel, 20, 25)


@pytest.mark.timeout(0 if _EXAMPLES else 120)
def test_mongodb_holds_everything_that_it_confirmed(mongod: Mongod) -> None:
    class _MongoModel(_Model):
        prunes = False  # MongoDB does it itself.
        number: ClassVar[int] = 0

        def __init__(self) -> None:
            _MongoModel.number += 1
            self.collection = f"model-{_MongoModel.number}"
            super().__init__()

        def make(self) -> Store:
            return open_store(mongod.url, collection=self.collection, timeout=20)

    _run(_MongoModel, 4, 12)
