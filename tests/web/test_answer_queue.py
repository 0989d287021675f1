"""Few answers are computed at a time; the others have read nothing yet."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from jmmc.answers.model import Overview
from jmmc.answers.queries import Queries
from jmmc.quality.filters import SummaryFilter
from jmmc.web import answer_queue
from jmmc.web.answer_queue import AnswerQueue
from jmmc.web.downloads import Downloads
from jmmc.web.problems import Problem
from jmmc.web.site import Server
from tests.support.builders import Answer, call
from tests.support.waiting import wait_until_async


class Readers:
    """Readers of a queue, whose answers end when a test says so; `began` are those in progress."""

    def __init__(self) -> None:
        self.now = 0.0
        self.queue = AnswerQueue(str, clock=lambda: self.now)
        self.began: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, *names: str) -> None:
        """Ask as the readers of which these are the answers: "A1" is the first one of A."""
        for name in names:
            self.ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._answer(name))
        await _settle()

    async def end(self, name: str, seconds: float = 1.0) -> None:
        """End an answer after so many seconds."""
        self.now += seconds
        self.ends[name].set()
        await _settle()

    async def _answer(self, name: str) -> None:
        async with self.queue.place(cast(Request, name[0])):
            self.began.append(name)
            await self.ends[name].wait()


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_three_answers_are_computed_at_a_time() -> None:
    readers = Readers()
    await readers.ask("A1", "B1", "C1", "D1", "E1")
    assert readers.began == ["A1", "B1", "C1"]
    await readers.end("B1")
    assert readers.began == ["A1", "B1", "C1", "D1"]


async def test_who_asks_now_and_then_comes_before_those_who_ask_without_a_pause() -> None:
    readers = Readers()
    await readers.ask("A1", "B1", "C1", "A2", "B2", "C2")
    for name in ("A1", "B1", "C1"):
        await readers.end(name)
    assert {*readers.began[3:]} == {"A2", "B2", "C2"}
    await readers.ask("A3", "B3", "C3", "D1")
    await readers.end("A2")
    assert readers.began[6:] == ["D1"]


async def test_of_many_who_ask_without_a_pause_each_gets_as_much_time() -> None:
    readers = Readers()
    await readers.ask(*(f"{reader}{number}" for reader in "ABCDEF" for number in range(30)))
    lengths = {"A": 5.0, "B": 1.0}  # Seconds; of the others two.
    seconds = dict.fromkeys("ABCDEF", 0.0)
    running: dict[str, float] = {}  # When it ends.
    begun = 0
    for _ in range(60):
        for name in readers.began[begun:]:
            running[name] = readers.now + lengths.get(name[0], 2.0)
        begun = len(readers.began)
        name = min(running, key=lambda name: running[name])
        seconds[name[0]] += lengths.get(name[0], 2.0)
        await readers.end(name, running.pop(name) - readers.now)
    assert max(seconds.values()) < 1.5 * min(seconds.values())


async def test_an_answer_whose_reader_has_gone_leaves_its_place_to_another() -> None:
    readers = Readers()
    await readers.ask("A1", "B1", "C1", "D1", "E1")
    readers.tasks["D1"].cancel()
    readers.tasks["A1"].cancel()
    await _settle()
    assert readers.began[3:] == ["E1"]
    await readers.ask("F1")
    readers.tasks["B1"].cancel()
    await _settle()
    assert readers.began[4:] == ["F1"], "no place is lost"


async def test_a_place_that_comes_as_its_reader_goes_is_passed_on() -> None:
    readers = Readers()
    await readers.ask("A1", "B1", "C1", "D1", "E1")
    readers.ends["A1"].set()
    await asyncio.sleep(0)  # D1 has the place, and has not noticed yet.
    readers.tasks["D1"].cancel()
    await _settle()
    assert readers.began[3:] == ["E1"]


async def test_a_bounded_number_of_answers_waits_for_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answer_queue, "_PATIENCE", 0.01)
    monkeypatch.setattr(answer_queue, "_MOST_WAITING", 2)
    monkeypatch.setattr(answer_queue, "_MOST_WAITING_IN_ALL", 3)
    readers = Readers()
    await readers.ask("A1", "A2", "A3", "A4", "A5", "A6", "B1", "C1")
    assert _status(readers.tasks["A6"]) == (429, 5)
    assert _status(readers.tasks["C1"]) == (503, 5)
    await asyncio.wait([readers.tasks["B1"]], timeout=5)
    assert _status(readers.tasks["B1"]) == (503, 5)
    assert readers.began == ["A1", "A2", "A3"]
    for name in ("A4", "A5"):  # They have waited for as long.
        assert _status(readers.tasks[name]) == (503, 5)


def _status(task: asyncio.Task[None]) -> tuple[int, int | None]:
    problem = task.exception()
    assert isinstance(problem, Problem)
    return problem.status, problem.retry_after


async def test_pages_and_api_wait_for_a_place_and_what_operators_watch_does_not(
    app: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = asyncio.Event()
    overview = Queries.overview
    begun: list[SummaryFilter] = []

    async def slow(queries: Queries, selection: SummaryFilter) -> Overview:
        begun.append(selection)
        await may_end.wait()
        return await overview(queries, selection)

    monkeypatch.setattr(Queries, "overview", slow)
    french = {"accept": "text/html", "accept-language": "fr"}

    async def get(path: str) -> Answer:
        return await call(app, "GET", path, headers=french, client="127.0.0.1")

    async def ask(path: str, most_waiting: int) -> Answer:
        """Ask twice where only one more may wait: it is added to `waiting`, the other refused."""
        monkeypatch.setattr(answer_queue, "_MOST_WAITING", most_waiting)
        both = [asyncio.create_task(get(path)) for _ in range(2)]
        (refused,), others = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        waiting.extend(others)
        return refused.result()

    waiting = [asyncio.create_task(get("/api/v1/overview")) for _ in range(3)]
    await wait_until_async(lambda: len(begun) == 3)
    page = await ask("/", 1)
    assert (page.status, page.headers["retry-after"]) == (429, "5")
    assert "<h1>Trop de questions en même temps</h1>" in page.body.decode()
    assert (await ask("/api/v1/rooms", 2)).status == 429
    assert (await get("/health")).status == 200
    assert not any(task.done() for task in waiting)
    may_end.set()
    assert [answer.status for answer in await asyncio.gather(*waiting)] == [200] * 5


async def test_few_files_are_sent_at_a_time_and_fewer_to_one_reader() -> None:
    may_end = asyncio.Event()
    downloads = Downloads(str)

    async def content() -> AsyncIterator[bytes]:
        await may_end.wait()
        yield b"end"

    def file(reader: str) -> Callable[..., Awaitable[None]]:
        return downloads.bounded(cast(Request, reader), StreamingResponse(content()))

    made_before = file("A")
    sent = [asyncio.create_task(call(file(reader), "GET", "/")) for reader in "AABB"]
    await _settle()
    for reader, status in (("A", 429), ("C", 503)):
        with pytest.raises(Problem) as refused:
            file(reader)
        assert (refused.value.status, refused.value.retry_after) == (status, 30)
    assert (await call(made_before, "GET", "/")).status == 429
    may_end.set()
    assert [answer.body for answer in await asyncio.gather(*sent)] == [b"end"] * 4
    assert (await call(file("A"), "GET", "/")).body == b"end"
