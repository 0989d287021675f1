"""A confirmation means: on stable storage. The server is killed to see."""

import asyncio
import json
import random
import secrets
import signal
from pathlib import Path

import pytest

from tests.servers import PREFIX, Serve

_UID = "a40bcaa8-8b36-11ec-a8a3-0242ac120002"


class Sender:
    """One browser in its logic: keeps what is not confirmed, sends it again, one at a time."""

    def __init__(self, name: str, seed: int) -> None:
        self.conf = name
        self.sid = secrets.token_hex(16)
        self.confirmed = -1
        self.sent = -1
        self._chance = random.Random(seed)

    async def run(self, port: int, until: asyncio.Event) -> None:
        while not until.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            try:
                while not until.is_set():
                    await self._push(reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

    async def _push(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sent = max(self.sent, self.confirmed + self._chance.randint(1, 3))
        samples = [
            {"seq": seq, "age": 0, "m": {"cq": seq % 100, "u": {"bw": seq}}}
            for seq in range(self.confirmed + 1, self.sent + 1)
        ]
        push = {"v": 2, "sid": self.sid, "uid": _UID, "conf": self.conf, "samples": samples}
        body = json.dumps(push).encode()
        writer.write(
            b"POST %s/push HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
            % (PREFIX.encode(), len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        answer = json.loads(await reader.readexactly(length))
        if head.startswith(b"HTTP/1.1 200"):
            assert answer["ack"] >= self.confirmed
            self.confirmed = answer["ack"]


async def _under_load(serve: Serve, senders: list[Sender], seconds: float, number: int) -> None:
    until = asyncio.Event()
    tasks = [asyncio.create_task(it.run(serve.port, until)) for it in senders]
    await asyncio.sleep(seconds)
    code = await asyncio.to_thread(serve.stop, number)
    if number == signal.SIGTERM:
        assert code == 0
    until.set()
    await asyncio.gather(*tasks)


def _assert_stored_once(serve: Serve, senders: list[Sender]) -> None:
    sessions = {it["conf"]: it["m"] for it in serve.export()}
    for sender in senders:
        stored = [it["seq"] for it in sessions.get(sender.conf, [])]
        assert stored == sorted(set(stored)), "a sample is stored twice"
        missing = set(range(sender.confirmed + 1)) - set(stored)
        assert not missing, f"acknowledged and missing: {sorted(missing)}"
        for sample in sessions.get(sender.conf, []):
            assert sample["u"]["bw"] == sample["seq"]


@pytest.fixture
def senders() -> list[Sender]:
    return [Sender(f"conference{number}", number) for number in range(40)]


@pytest.mark.timeout(110)
async def test_no_acknowledged_sample_is_lost_or_doubled_by_twenty_kills(
    tmp_path: Path, senders: list[Sender]
) -> None:
    serve = await asyncio.to_thread(Serve, tmp_path)
    chance = random.Random(20)
    try:
        for round_number in range(20):
            await _under_load(serve, senders, chance.uniform(0.15, 0.5), signal.SIGKILL)
            await asyncio.to_thread(serve.start)
            if round_number % 5 == 4:
                await asyncio.to_thread(_assert_stored_once, serve, senders)
        assert min(it.confirmed for it in senders) > 20, "there was no load"
        await asyncio.to_thread(_assert_stored_once, serve, senders)
    finally:
        serve.close()


@pytest.mark.timeout(60)
async def test_a_server_told_to_stop_commits_what_waits_and_exits_with_success(
    tmp_path: Path, senders: list[Sender]
) -> None:
    serve = await asyncio.to_thread(Serve, tmp_path)
    try:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await _under_load(serve, senders, 1.0, signal.SIGTERM)
        assert loop.time() - started < 6
        await asyncio.to_thread(_assert_stored_once, serve, senders)
    finally:
        serve.close()
