"""What is done beside takes a part of what is left, and comes to an end all the same."""

import pytest

from jmmc.core.yielding import LoadAwareYielder, batch_size_for


class Loop:
    """An event loop whose other work takes a `load` of the time that one rests."""

    def __init__(self, load: float) -> None:
        self.load = load
        self.now = self.taken = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.taken += seconds * self.load

    def pace(self) -> LoadAwareYielder:
        return LoadAwareYielder(clock=lambda: self.now, busy=lambda: self.taken, sleep=self.sleep)


@pytest.mark.parametrize(
    ("load", "least", "most"), [(0, 0.75, 0.85), (0.5, 0.25, 0.35), (1, 0.01, 0.03)]
)
async def test_background_work_gets_a_smaller_share_of_a_busier_loop(
    load: float, least: float, most: float
) -> None:
    loop = Loop(load)
    pace = loop.pace()
    for _ in range(20):
        loop.now += 0.01
        await pace.pause()
    began, worked = loop.now, 0.0
    for _ in range(20):
        loop.now += 0.01
        worked += 0.01
        await pace.pause()
    assert least < worked / (loop.now - began) < most


async def test_time_before_the_work_is_not_counted() -> None:
    loop = Loop(0)
    pace = loop.pace()
    loop.now = 1000
    pace.begin()
    await pace.pause()
    assert loop.now == 1000


async def test_pause_returns_the_duration_of_the_work() -> None:
    loop = Loop(0)
    pace = loop.pace()
    loop.now += 0.25
    assert await pace.pause() == 0.25


@pytest.mark.parametrize(
    ("count", "worked", "fit"), [(1, 0.01, 5), (5, 0.2, 1), (1, 3.0, 1), (5, 0.001, 50), (1, 0, 50)]
)
def test_the_batch_size_fits_the_time(count: int, worked: float, fit: int) -> None:
    assert batch_size_for(count, worked, seconds=0.05, most=50) == fit
