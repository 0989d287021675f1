"""Browsers that send what costs a collector most, from one address, beside the honest ones."""

import asyncio
import secrets
import string
import uuid
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from tests.faults.site import Site
from tests.support.senders import exchange, make_push

_ADDRESS = "203.0.113.66"
_SESSIONS_AT_ONCE = 8
_LAST_SEQ = 2**31 - 1
_LONGEST = 34_560  # Samples of a session, by the defaults.
_FULL_PUSH = 1_700  # Empty samples, in 64 KiB.
_FLAPPING = 800  # Samples with a reading, in 64 KiB.
_DAY = 86_400  # Seconds
_EXPECTED = (b"200", b"400", b"413", b"429", b"503")
_MEMORY = 600.0  # MiB that a collector may have after an attack.

_Samples = Iterator[list[dict[str, Any]]]


def _far_apart(chance: Random) -> _Samples:
    """Numbers of samples that are as far apart as they can be, and as far as is allowed."""
    for last in (_LAST_SEQ, _LONGEST - 1, chance.randint(1, _LAST_SEQ)):
        yield [_empty(0), _empty(last)]
    yield [_empty(seq) for seq in sorted(chance.sample(range(_LONGEST), 60))]


def _as_many_as_possible(_chance: Random) -> _Samples:
    """One session that never stops, in pushes as large as they can be."""
    for first in range(0, 2 * _LONGEST, _FULL_PUSH):
        yield [_empty(seq) for seq in range(first, first + _FULL_PUSH)]


def _full_push(_chance: Random) -> _Samples:
    """A session of one push, as large as it can be."""
    yield [_empty(seq) for seq in range(_FULL_PUSH)]


def _made_up(chance: Random) -> _Samples:
    """A poor call with names that nobody else has."""
    names = {"br": _name(chance), "os": _name(chance), "t": {"sr": _name(chance)}}
    yield [_sample(0, 600, {"cq": 5, **names}), _sample(1, 0, {"cq": 5})]


def _flapping(_chance: Random) -> _Samples:
    """A call of a day whose grade changes with each sample."""
    step = _DAY / _FLAPPING
    yield [
        _sample(seq, round(_DAY - seq * step), {"cq": 100 * (seq % 2)}) for seq in range(_FLAPPING)
    ]


_KINDS: tuple[Callable[[Random], _Samples], ...] = (
    _far_apart,
    _as_many_as_possible,
    _full_push,
    _made_up,
    _flapping,
)


async def attack(site: Site) -> None:
    """Send all of these for some seconds; the collectors must outlive it."""
    until = asyncio.Event()
    attackers = [
        asyncio.create_task(_attack(site, Random(f"{site.seed}-{number}"), number, until))
        for number in range(_SESSIONS_AT_ONCE)
    ]
    await asyncio.sleep(1.0)
    await site.pause(3.0)
    until.set()
    await asyncio.gather(*attackers)
    for serve in site.collectors:
        assert serve.memory() < _MEMORY, "the collector's memory has grown"


async def _attack(site: Site, chance: Random, number: int, until: asyncio.Event) -> None:
    """Send one session after another."""
    while not until.is_set():
        pushes = _KINDS[number % len(_KINDS)](chance)
        number += 1
        port = chance.choice(site.ports)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        try:
            await _send_session(reader, writer, pushes, until)
        except TimeoutError:
            raise
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _send_session(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    pushes: _Samples,
    until: asyncio.Event,
) -> None:
    """Send the pushes of a session, and end it when it is refused."""
    sid, browser_id = secrets.token_hex(16), str(uuid.uuid4())
    for samples in pushes:
        push = make_push(sid, browser_id, f"room-{sid[:8]}", samples)
        head, _ = await exchange(reader, writer, push, _ADDRESS)
        status = head.split(b" ", 2)[1]
        assert status in _EXPECTED, head
        if until.is_set() or status in (b"429", b"503"):
            return


def _empty(seq: int) -> dict[str, Any]:
    return _sample(seq, 0, {})


def _sample(seq: int, age: int, readings: dict[str, Any]) -> dict[str, Any]:
    return {"seq": seq, "age": age, "m": readings}


def _name(chance: Random) -> str:
    return "".join(chance.choices(string.ascii_letters, k=chance.randint(3, 60)))
