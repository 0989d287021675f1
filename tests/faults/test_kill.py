"""A confirmed sample is on stable storage: kills of the server do not lose it."""

import asyncio
import random
import signal
from pathlib import Path

import pytest

from tests.support.senders import Load, Sender, assert_stored_once
from tests.support.servers import Serve

_KILLS = 4  # `./run faults` plays hundreds.


async def _under_load(serve: Serve, senders: list[Sender], seconds: float, number: int) -> None:
    async with Load(senders, serve.port):
        await asyncio.sleep(seconds)
        code = await asyncio.to_thread(serve.stop, number)
        if number == signal.SIGTERM:
            assert code == 0


def _assert_stored_once(serve: Serve, senders: list[Sender]) -> None:
    assert_stored_once(serve.export(), senders)


@pytest.fixture
def senders() -> list[Sender]:
    return [Sender(f"conference{number}", number, pause=0) for number in range(40)]


async def test_kills_of_the_server_neither_lose_nor_duplicate_confirmed_samples(
    tmp_path: Path, senders: list[Sender]
) -> None:
    serve = await asyncio.to_thread(Serve, tmp_path)
    chance = random.Random(20)
    try:
        for _ in range(_KILLS):
            await _under_load(serve, senders, chance.uniform(0.15, 0.5), signal.SIGKILL)
            await asyncio.to_thread(serve.start)
        assert min(sender.confirmed for sender in senders) > 10, "there was no load"
        await asyncio.to_thread(_assert_stored_once, serve, senders)
    finally:
        serve.close()


@pytest.mark.timeout(60)
async def test_sigterm_commits_waiting_pushes_and_exits_with_success(
    tmp_path: Path, senders: list[Sender]
) -> None:
    """Also while a live page is open."""
    serve = await asyncio.to_thread(Serve, tmp_path)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", serve.port)
        writer.write(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"data:")
        loop = asyncio.get_running_loop()
        started = loop.time()
        await _under_load(serve, senders, 1.0, signal.SIGTERM)
        assert loop.time() - started < 6
        writer.close()
        await asyncio.to_thread(_assert_stored_once, serve, senders)
    finally:
        serve.close()
