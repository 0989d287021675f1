"""Background work takes a share of the loop's idle time, and always ends."""

import asyncio

import pytest

from jmmc.core.yielding import LoadAwareYielder, rest_after


class Loop:
    """A simulated event loop: other work uses the share `load` of each pause."""

    def __init__(self, load: float) -> None:
        self.load = load
        self.now = self.busy = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.busy += seconds * self.load

    async def wait(self, seconds: float) -> None:
        """What other tasks do while one waits."""
        await asyncio.create_task(self.sleep(seconds))

    def work(self, seconds: float) -> None:
        self.now += seconds
        self.busy += seconds

    async def piece(self, seconds: float) -> None:
        self.work(seconds)

    def make_yielder(self, least: float = 0.02) -> LoadAwareYielder:
        return LoadAwareYielder(
            least=least,
            clock=lambda: self.now,
            busy=lambda: self.busy,
            sleep=self.sleep,
        )


@pytest.mark.parametrize(
    ("load", "promised", "least", "most"),
    [(0, 0.1, 0.75, 0.85), (0.5, 0.1, 0.25, 0.35), (1, 0.02, 0.01, 0.03), (1, 0.1, 0.08, 0.12)],
)
async def test_background_work_gets_a_smaller_share_of_a_busier_loop(
    load: float, promised: float, least: float, most: float
) -> None:
    loop = Loop(load)
    yielder = loop.make_yielder(promised)
    for _ in range(20):
        await yielder.run(loop.piece(0.01))
    began = loop.now
    for _ in range(20):
        await yielder.run(loop.piece(0.01))
    assert least < 20 * 0.01 / (loop.now - began) < most


@pytest.mark.parametrize(
    ("load", "waits", "share"), [(0, 0, 0.8), (0.5, 0, 0.3), (1, 0, 0.1), (1, 0.05, 0.1)]
)
async def test_measured_work_gets_its_share_of_a_busy_loop_whatever_it_waits_for(
    load: float, waits: float, share: float
) -> None:
    loop = Loop(load)
    yielder = loop.make_yielder(least=0.1)

    async def work() -> str:
        loop.work(0.006)
        await loop.wait(waits)
        loop.work(0.004)
        return "done"

    for _ in range(20):
        await yielder.run(work())
    began = loop.now
    for _ in range(20):
        assert await yielder.run(work()) == "done"
        assert yielder.worked == pytest.approx(0.01)
    assert 20 * 0.01 / (loop.now - began) == pytest.approx(share, rel=0.15)


async def test_work_that_mostly_waits_does_not_pause_besides() -> None:
    loop = Loop(1)
    yielder = loop.make_yielder(least=0.1)

    async def work() -> None:
        loop.work(0.01)
        await loop.wait(0.3)

    for _ in range(20):
        await yielder.run(work())
    assert loop.now == pytest.approx(20 * 0.31)


async def test_measured_work_may_fail_be_cancelled_and_catch_what_it_awaits() -> None:
    yielder = LoadAwareYielder()
    caught: list[str] = []

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("mine")

    async def catches() -> str:
        try:
            await fails()
        except ValueError as error:
            caught.append(str(error))
        return "went on"

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            caught.append("cancelled")
            raise

    assert await yielder.run(catches()) == "went on"
    with pytest.raises(ValueError, match="mine"):
        await yielder.run(fails())
    task = asyncio.create_task(yielder.run(waits()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert caught == ["mine", "cancelled"]


async def test_time_before_the_work_is_not_counted() -> None:
    loop = Loop(0)
    yielder = loop.make_yielder()
    loop.now = 1000
    await yielder.run(loop.piece(0))
    assert loop.now == 1000


async def test_a_pause_ends_soon_after_the_loop_has_become_idle() -> None:
    loop = Loop(1)
    yielder = loop.make_yielder()
    for _ in range(20):
        await yielder.run(loop.piece(0.01))
    loop.load = 0
    began = loop.now
    await yielder.run(loop.piece(0.1))
    assert loop.now - began < 1, "it paused for as long as a busy loop needs"


async def test_work_that_took_minutes_pauses_for_seconds() -> None:
    loop = Loop(1)
    yielder = loop.make_yielder()
    for _ in range(20):
        await yielder.run(loop.piece(0.01))
    began = loop.now
    await yielder.run(loop.piece(120))
    assert loop.now - began < 131


@pytest.mark.parametrize(
    ("others", "milliseconds"), [(0.0, 1), (0.3, 4), (0.5, 9.3), (0.65, 22.7), (1.0, 22.7)]
)
def test_a_thread_rests_longer_in_a_busier_process(others: float, milliseconds: float) -> None:
    assert rest_after(0.004, others, 0.15) * 1000 == pytest.approx(milliseconds, abs=0.1)
