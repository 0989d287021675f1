"""Simulated browsers under load: each keeps unconfirmed samples and sends them again."""

import asyncio
import json
import random
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, NamedTuple

from tests.support.servers import PREFIX
from tests.support.waiting import wait_until_async

_TIMEOUT = 30  # Seconds for a response; longer than every timeout of the server.


class Deletion(NamedTuple):
    """What was deleted of a sender: its samples up to the number `gone_to`, or the time `until`.

    `until` is Unix seconds. Samples from the number `kept_from` on were sent afterwards, and are
    kept.
    """

    gone_to: float
    kept_from: float
    until: float = 0.0


class Sender:
    """One browser: one push at a time, to the ports in turn, about `pause` seconds apart.

    A push has up to `burst` new samples. `refused` counts responses with 503; `slowest` is the
    longest response time in seconds; `deleted` is set by who deletes its samples.
    """

    def __init__(self, name: str, seed: int, *, pause: float = 0.05, burst: int = 3) -> None:
        self.room = name
        self.sid = secrets.token_hex(16)
        self.browser_id = str(uuid.uuid4())
        self.address = f"198.18.{seed % 256}.{1 + seed // 256 % 250}"
        self.deleted: Deletion | None = None
        self.confirmed = -1
        self.sent = -1
        self.refused = 0
        self.slowest = 0.0
        self._chance = random.Random(seed)
        self._pause = pause
        self._burst = burst

    def readings(self, seq: int) -> dict[str, Any]:
        """The readings of a sample: no other sample of any sender has the same."""
        return {"cq": seq % 100, "u": {"bw": seq}, "d": {"bw": int(self.sid[:7], 16)}}

    async def run(self, ports: Sequence[int], until: asyncio.Event) -> None:
        next_port = cycle(ports)
        while not until.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", next(next_port))
            except OSError:
                await asyncio.sleep(0.05)
                continue
            try:
                while not until.is_set():
                    await self._push(reader, writer)
                    if len(ports) > 1:
                        break
            except TimeoutError:  # A subclass of OSError: it must come first.
                raise
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

    async def _push(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sent = max(self.sent, self.confirmed + self._chance.randint(1, self._burst))
        samples = [
            {"seq": seq, "age": 0, "m": self.readings(seq)}
            for seq in range(self.confirmed + 1, self.sent + 1)
        ]
        push = make_push(self.sid, self.browser_id, self.room, samples)
        began = time.monotonic()
        head, answer = await exchange(reader, writer, push, self.address)
        self.slowest = max(self.slowest, time.monotonic() - began)
        if head.startswith(b"HTTP/1.1 200"):
            assert answer["ack"] >= self.confirmed
            self.confirmed = answer["ack"]
            await asyncio.sleep(self._chance.uniform(0, 2 * self._pause))
        else:
            assert head.startswith(b"HTTP/1.1 503"), head
            assert b"retry-after" in head.lower()
            self.refused += 1
            await asyncio.sleep(0.1)


def make_push(
    sid: str, browser_id: str, room: str, samples: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A push as the script in the page makes it."""
    return {"v": 2, "sid": sid, "uid": browser_id, "conf": room, "samples": samples}


async def exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    push: Mapping[str, Any],
    address: str,
) -> tuple[bytes, dict[str, Any]]:
    """POST a push, as a proxy does for the browser at `address`: the head and the JSON answered.

    Raises `TimeoutError`; `OSError` or `IncompleteReadError` when the connection ends.
    """
    body = json.dumps(push, separators=(",", ":")).encode()
    writer.write(
        b"POST %s/push HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %s\r\nContent-Length: %d\r\n\r\n%s"
        % (PREFIX.encode(), address.encode(), len(body), body)
    )
    async with asyncio.timeout(_TIMEOUT):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return head, json.loads(await reader.readexactly(length))


class Load:
    """Runs senders until the `async with` block ends."""

    def __init__(self, senders: Sequence[Sender], *ports: int) -> None:
        self._senders = list(senders)
        self._ports = ports
        self._until = asyncio.Event()

    async def __aenter__(self) -> "Load":
        self._tasks = [
            asyncio.create_task(sender.run(self._ports, self._until)) for sender in self._senders
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._until.set()
        await asyncio.gather(*self._tasks)

    async def confirms(self, more: int = 3, seconds: float = 60) -> None:
        """Wait until every sender has `more` further samples confirmed."""
        goals = [sender.confirmed + more for sender in self._senders]

        def is_confirmed() -> bool:
            pairs = zip(self._senders, goals, strict=True)
            return all(sender.confirmed >= goal for sender, goal in pairs)

        await wait_until_async(is_confirmed, lambda: "no progress", within=seconds, pause=0.05)


def assert_stored_once(exported: Sequence[dict[str, Any]], senders: Sequence[Sender]) -> None:
    """Assert that every confirmed sample is stored once and unchanged."""
    sessions = {session["conf"]: session["m"] for session in exported}
    for sender in senders:
        stored = [sample["seq"] for sample in sessions.get(sender.room, [])]
        assert stored == sorted(set(stored)), "a sample is stored twice"
        missing = set(range(sender.confirmed + 1)) - set(stored)
        assert not missing, f"confirmed and missing: {sorted(missing)}"
        for sample in sessions.get(sender.room, []):
            assert sample["u"]["bw"] == sample["seq"]
