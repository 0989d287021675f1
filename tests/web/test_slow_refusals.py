"""Refusals are held back for who goes on although it is refused."""

import asyncio

import pytest

from jmmc.web import slow_refusals
from jmmc.web.slow_refusals import SlowRefusals


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> SlowRefusals:
    monkeypatch.setattr(slow_refusals, "_HELD_SECONDS", 0.05)
    return SlowRefusals(lambda: 0.0)


async def _seconds(refusals: SlowRefusals, *keys: int) -> float:
    clock = asyncio.get_running_loop().time
    began = clock()
    await asyncio.gather(*(refusals.wait(key) for key in keys))
    return clock() - began


async def test_first_refusals_are_prompt_and_further_ones_wait(refusals: SlowRefusals) -> None:
    assert await _seconds(refusals, *[1] * 60) < 0.05
    assert await _seconds(refusals, 1) >= 0.05
    assert await _seconds(refusals, 2) < 0.05


async def test_a_bounded_number_of_refusals_is_held_for_an_address(refusals: SlowRefusals) -> None:
    held = [asyncio.ensure_future(refusals.wait(1)) for _ in range(60 + 105)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sum(not wait.done() for wait in held) == 100
    await asyncio.gather(*held)
    assert await _seconds(refusals, 1) >= 0.05, "those that were held count no more"
