"""Attackers of many kinds, each with an address of its own, against one collector.

    python bench/attackers.py --port 8080 --each 10 --token TOKEN

Each attacker has a few requests in flight, sends the next one as soon as it is answered but no more
than some requests a second, and ignores Retry-After. Prints a line of JSON every five seconds: the
responses by kind and status since the start. Ends when its standard input ends.

The kinds are in `KINDS`. All rooms of attackers begin with `hostile-`.
"""

import argparse
import asyncio
import gzip
import json
import os
import random
import sys
import time
import urllib.parse
import urllib.request
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from jmmc.protocol.identity import session_of
from tests.support.servers import PREFIX

ROOM = "hostile-"
"""How the names of all their rooms begin."""

Requests = Generator[bytes, int, None]
"""Yields a request, and gets the status of its response: 0 without one."""

_FIRST_ADDRESS = int(IPv4Address("198.18.0.1"))  # Networks for benchmarks (RFC 2544).
_TIMEOUT = 30.0  # Seconds that an attacker waits for a response.
_REPORT_SECONDS = 5.0
_MAX_BODY = 65_536
_TOP = 2**31 - 1  # The highest seq that a push may name.
_LONGEST_SEQ = 34_559  # The highest seq that a session may have, with the default settings.
_DAY_OF_SAMPLES = 8640
_CROWDED = 90  # Samples of an hour.
_BROKEN_OFF = 16_384  # Bytes of an export that are read.
_NICE = 5
_DROPS_PER_CONNECTION = 40


@dataclass
class Target:
    """The collector, the token of the readers, and what attackers know of each other."""

    port: int
    token: str
    counts: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    form: str = ""
    """The hidden field of the sign-in form, which anybody may ask for."""
    flapping: deque[str] = field(default_factory=lambda: deque(maxlen=40))
    """Ids of sessions whose grade alternates: the dearest to show."""


class Attacker:
    """One attacker: its kind, its address and its random numbers."""

    def __init__(self, index: int, kind: str, target: Target, seed: int) -> None:
        self.kind = kind
        self.target = target
        self.address = str(IPv4Address(_FIRST_ADDRESS + 256 * index))
        self.chance = random.Random(f"{seed} {index}")
        self.room = f"{ROOM}{index}"

    def sid(self) -> str:
        return f"{self.chance.getrandbits(128):032x}"

    def word(self, length: int) -> str:
        return f"{self.chance.getrandbits(4 * length):0{length}x}"

    def count(self, outcome: object) -> None:
        self.target.counts[self.kind][str(outcome)] += 1

    def body(self, samples: Iterable[str], *, sid: str = "", uid: str = "", room: str = "") -> str:
        """The JSON of a push; by default of a new session of a new browser."""
        uid = uid or f"{self.word(8)}-0000-4000-8000-{self.word(12)}"
        head = f'{{"v":2,"sid":"{sid or self.sid()}","uid":"{uid}","conf":"{room or self.room}"'
        return f'{head},"samples":[{",".join(samples)}]}}'

    def post(self, body: str | bytes, *headers: str) -> bytes:
        content = body.encode() if isinstance(body, str) else body
        lines = [f"POST {PREFIX}/push HTTP/1.1", *self._common(), *headers]
        lines.append(f"Content-Length: {len(content)}\r\n\r\n")
        return "\r\n".join(lines).encode() + content

    def post_compressed(self, body: str) -> bytes:
        return self.post(gzip.compress(body.encode(), 1), "Content-Encoding: gzip")

    def get(self, path: str, *headers: str) -> bytes:
        lines = [f"GET {path} HTTP/1.1", *self._common(), *headers]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    def sign_in(self) -> bytes:
        """A sign-in with a wrong password, as the form of the sign-in page sends it."""
        fields = {"form": self.target.form, "to": "", "name": "admin", "password": self.word(16)}
        body = urllib.parse.urlencode(fields)
        lines = ["POST /login HTTP/1.1", *self._common()]
        lines += ["Content-Type: application/x-www-form-urlencoded"]
        lines += [f"Content-Length: {len(body)}\r\n\r\n{body}"]
        return "\r\n".join(lines).encode()

    def _common(self) -> list[str]:
        return ["Host: x", f"X-Forwarded-For: {self.address}"]


def _sample(seq: int, readings: str = "{}", age: float = 0) -> str:
    return f'{{"seq":{seq},"age":{age:g},"m":{readings}}}'


def _until_accepted(request: bytes) -> Requests:
    """Send the same request until it gets another status than 429 and 503."""
    while (yield request) in (0, 429, 503):
        pass


def seq_bombs(attacker: Attacker) -> Requests:
    """Two samples whose numbers are as far apart as the protocol or a session allows."""
    while True:
        for top in (_TOP, _LONGEST_SEQ):
            yield attacker.post(attacker.body([_sample(0), _sample(top)]))


def fat_session(attacker: Attacker) -> Requests:
    """One session after the other, each with as many samples as it may have, of long readings."""
    readings = f'{{"pid":"{"p" * 64}","mid":"{"m" * 64}","ev":["{"e" * 16}"]}}'
    while True:
        sid, uid = attacker.sid(), f"{attacker.word(8)}-0000-4000-8000-{attacker.word(12)}"
        for first in range(0, _LONGEST_SEQ, 240):
            samples = [_sample(seq, readings) for seq in range(first, first + 240)]
            body = attacker.body(samples, sid=sid, uid=uid)
            yield from _until_accepted(attacker.post_compressed(body))


def tiny_samples(attacker: Attacker) -> Requests:
    """1,700 empty samples a push, compressed to some kilobytes."""
    while True:
        body = attacker.body([_sample(seq) for seq in range(1700)])
        yield from _until_accepted(attacker.post_compressed(body))


def refused_readings(attacker: Attacker) -> Requests:
    """1,000 samples a push, each with a reading that is refused: each is decoded alone."""
    while True:
        body = attacker.body([_sample(seq, f'{{"k{seq}":-1}}') for seq in range(1000)])
        yield from _until_accepted(attacker.post_compressed(body))


def longest_readings(attacker: Attacker) -> Requests:
    """Samples with the longest of each reading, as many as fit into a push."""
    while True:
        samples = [_sample(seq, _longest(attacker, seq)) for seq in range(80)]
        yield from _until_accepted(attacker.post(attacker.body(samples)))


def _longest(attacker: Attacker, seq: int) -> str:
    text, short, number = attacker.word(64), attacker.word(32), 9_007_199_254_740_000 - seq
    readings: dict[str, Any] = {"br": text, "os": text, "pid": text, "mid": text, "cq": 33.333333}
    readings["u"] = {"bw": number, "ab": number, "vb": number, "pl": 99.9999, "lim": "bandwidth"}
    readings["t"] = {"sr": text, "net": short, "tp": "relay/udp", "ip": "2001:db8::" + "1:2:3:4"}
    readings["cdc"] = {"a": short, "v": short}
    readings["ev"] = [attacker.word(10)] * 6
    return json.dumps(readings, separators=(",", ":"))


def invented_values(attacker: Attacker) -> Requests:
    """Sessions of ten poor minutes, each with a browser, a region and a codec of its own."""
    while True:
        name = attacker.word(16)
        readings = f'{{"br":"{name}","os":"{name}","cq":1,"t":{{"sr":"{name}"}},"mid":"{name}"}}'
        samples = [_sample(0, readings, 600)]
        samples += [_sample(seq, age=600 - 60 * seq) for seq in range(1, 11)]
        yield attacker.post(attacker.body(samples, room=f"{ROOM}{name}"))


def flapping(attacker: Attacker) -> Requests:
    """Sessions whose grade changes every ten seconds for a day."""
    while True:
        sid, uid = attacker.sid(), f"{attacker.word(8)}-0000-4000-8000-{attacker.word(12)}"
        for first in range(0, _DAY_OF_SAMPLES, 960):
            samples = [
                _sample(seq, f'{{"cq":{1 if seq % 2 else 100}}}', (_DAY_OF_SAMPLES - seq) * 9.9)
                for seq in range(first, first + 960)
            ]
            body = attacker.body(samples, sid=sid, uid=uid)
            yield from _until_accepted(attacker.post_compressed(body))
            if not first:
                attacker.target.flapping.append(session_of(sid))


def crowded_room(attacker: Attacker) -> Requests:
    """Participants of one room, each with a problem every 80 s that others send or receive."""
    good = '{"cq":90,"u":{"pl":0},"d":{"cnc":0}}'
    while True:
        bad = attacker.chance.choice(('{"u":{"pl":30}}', '{"d":{"cnc":30}}'))
        samples = [
            _sample(seq, (good, bad)[seq % 2], (_CROWDED - seq) * 40) for seq in range(_CROWDED)
        ]
        yield attacker.post(attacker.body(samples, room=f"{ROOM}crowd"))


def new_sessions(attacker: Attacker) -> Requests:
    """A new session of a new browser in a new room with each push, in both dialects."""
    while True:
        room = f"{ROOM}{attacker.word(12)}"
        if attacker.chance.random() < 0.5:
            yield attacker.post(attacker.body([_sample(0, '{"cq":1}')], room=room))
        else:
            uid = f"{attacker.word(8)}-0000-4000-8000-{attacker.word(12)}"
            yield attacker.post(f'{{"uid":"{uid}","conf":"{room}","m":{{"br":"br","cq":1}}}}')


def huge_headers(attacker: Attacker) -> Requests:
    """The script, asked for with headers that are slow to parse, or larger than allowed."""
    variants: list[tuple[str, ...]] = [
        ("Accept-Encoding: " + "gzip;q=0.1, " * 2500,),
        ("If-None-Match: " + 'W/"0123456789abcdef", ' * 1400,),
        ("Cookie: " + '"\\012"; ' * 3500,),
        tuple(f"X-Filler-{number}: {number}" for number in range(900)),
        ("X-Forwarded-For: " + "10.9.8.7, " * 3000,),
        ("User-Agent: " + "x" * 70_000,),
    ]
    while True:
        for headers in variants:
            yield attacker.get(f"{PREFIX}/getClient", *headers)


def garbage(attacker: Attacker) -> Requests:
    """Bodies that are no push: random bytes, deep nesting, bombs, wrong types, broken HTTP."""
    bomb = gzip.compress(b" " * 40_000_000)
    compressed = "Content-Encoding: gzip"
    types = '{"v":2,"sid":5,"uid":[],"conf":{"$ne":""},"samples":{"seq":1e999}}'
    fixed = [
        attacker.post(b"[" * 60_000),
        attacker.post(b'{"m":' * 9000 + b"1" + b"}" * 9000),
        attacker.post(bomb, compressed),
        attacker.post(gzip.compress(bomb), compressed),
        attacker.post(bomb[:500], compressed),
        attacker.post(types),
        attacker.post(types.encode("utf-16")),
        attacker.post(b"x" * 200_000),
        attacker.post(b"zz\r\n\r\n", "Transfer-Encoding: chunked"),
    ]
    while True:
        yield attacker.chance.choice(fixed)
        yield attacker.post(attacker.chance.randbytes(30_000))


def wrong_passwords(attacker: Attacker) -> Requests:
    """Sign-ins with a wrong password: verifying one takes 50 ms."""
    while True:
        yield attacker.sign_in()


_QUESTIONS = (
    "/api/v1/sessions/{flapping}",
    "/sessions/{flapping}",
    "/meetings/{flapping}",
    "/api/v1/overview?since=30d&grade=poor",
    "/overview?since=30d",
    "/compare?by=region&since=30d",
    "/api/v1/compare?by=network&since=30d&grade=poor",
    "/api/v1/meetings?since=30d",
    "/api/v1/sessions?since=30d&limit=1000",
    "/api/v1/rooms?since=30d&limit=1000",
    "/api/v1/search?q=hostile",
    "/api/v1/usage?since=30d",
    "/api/v1/live",
    "/metrics",
    "/api/v1/export?what=timeline&since=30d",
    "/api/v1/export?what=sessions&since=30d",
)


def questions(attacker: Attacker) -> Requests:
    """A reader with a token, who asks for what takes longest; exports are broken off."""
    bearer = f"Authorization: Bearer {attacker.target.token}"
    while True:
        for question in _QUESTIONS:
            known = attacker.target.flapping
            id_ = attacker.chance.choice(known) if known else "f" * 24
            yield attacker.get(question.format(flapping=id_), bearer, "Connection: close")


async def send_requests(attacker: Attacker, kind: "Kind", rate: float) -> None:
    """Send the requests of a kind, each on time or as soon as the one before is answered."""
    requests = kind.requests(attacker)
    request = next(requests)
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    pause = kind.connections / (kind.rate * rate)
    due = time.monotonic() + attacker.chance.random() * pause
    while True:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        due = max(due + pause, time.monotonic() - pause)  # Does not catch up.
        status = 0
        try:
            async with asyncio.timeout(_TIMEOUT):
                if connection is None:
                    connection = await asyncio.open_connection("127.0.0.1", attacker.target.port)
                reader, writer = connection
                writer.write(request)
                status, stays = await _response(reader)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            stays = False
        attacker.count(status or "no response")
        if connection is not None and not stays:
            connection[1].close()
            connection = None
        request = requests.send(status)


async def _response(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Read a response: its status, and whether the connection may be used again.

    Of a response without a length (an export) only the beginning is read.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head[9:12])
    if status == 304:
        return status, True
    _, is_known, rest = head.partition(b"content-length: ")
    if not is_known:
        await reader.read(_BROKEN_OFF)
        return status, False
    left = int(rest.split(b"\r\n")[0])
    while left > 0 and (part := await reader.read(min(left, 1 << 20))):
        left -= len(part)
    return status, b"connection: close" not in head


async def hold_connection(attacker: Attacker, kind: "Kind", rate: float) -> None:
    """Open connections that send nothing, a head or a body byte by byte, or read nothing."""
    del rate
    script = attacker.get(f"{PREFIX}/getClient")
    starts = (
        b"",
        script[:-4] + b"\r\nX-Slow: ",
        attacker.post(b"x" * 60_000)[:-59_990],
        attacker.post("")[:-4] + b"\r\nTransfer-Encoding: chunked\r\n\r\n",
        script * 200,
    )
    while True:
        for number, start in enumerate(starts):
            outcome = "no connection"
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", attacker.target.port)
                with suppress(OSError):
                    await _drip(reader, writer, start, drips=number in (1, 2))
                writer.close()
                outcome = "closed by the collector" if reader.at_eof() else "closed"
            attacker.count(outcome)
            await asyncio.sleep(kind.connections / kind.rate / len(starts))


async def _drip(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, start: bytes, *, drips: bool
) -> None:
    writer.write(start)
    for _ in range(_DROPS_PER_CONNECTION):
        await asyncio.sleep(1)
        if reader.at_eof() or writer.is_closing():
            return
        if drips:
            writer.write(b"a")


class Kind(NamedTuple):
    """What attackers of one kind do.

    `rate` is the most requests a second of one attacker, over all of its `connections`.
    """

    name: str
    rate: float
    connections: int
    requests: Callable[[Attacker], Requests] = questions
    work: Callable[[Attacker, "Kind", float], Awaitable[None]] = send_requests


KINDS = (
    Kind("seq bombs", 20, 2, seq_bombs),
    Kind("one fat session", 5, 1, fat_session),
    Kind("1,700 tiny samples a push", 5, 2, tiny_samples),
    Kind("refused readings", 5, 2, refused_readings),
    Kind("longest readings", 5, 2, longest_readings),
    Kind("invented values", 40, 2, invented_values),
    Kind("flapping grades", 5, 1, flapping),
    Kind("crowded room", 10, 2, crowded_room),
    Kind("new sessions", 120, 4, new_sessions),
    Kind("huge headers", 20, 2, huge_headers),
    Kind("held connections", 20, 20, work=hold_connection),
    Kind("dear questions", 10, 2, questions),
    Kind("garbage", 20, 2, garbage),
    Kind("wrong passwords", 10, 2, wrong_passwords),
)


async def attack(
    target: Target, each: int, *, rate: float = 1, seed: int = 1, kinds: Sequence[str] = ()
) -> None:
    """Attack until this is cancelled: `each` attackers of each kind, or of `kinds` only."""
    async with asyncio.TaskGroup() as group:
        for place, kind in enumerate(KINDS):
            if kinds and kind.name not in kinds:
                continue
            for number in range(each):
                index = place * each + number
                attacker = Attacker(index, kind.name, target, seed)
                for _ in range(kind.connections):
                    group.create_task(_run(attacker, kind, rate))


async def _run(attacker: Attacker, kind: Kind, rate: float) -> None:
    await kind.work(attacker, kind, rate)


def sign_in_form(port: int) -> str:
    """The hidden field of the sign-in form of a collector. Raises `OSError`."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=_TIMEOUT) as page:
        return str(page.read().decode().partition('name="form" value="')[2].partition('"')[0])


def _print_counts(target: Target) -> None:
    print(json.dumps({kind.name: target.counts[kind.name] for kind in KINDS}), flush=True)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="of the collector, on 127.0.0.1")
    parser.add_argument("--each", type=int, default=10, help="attackers of each kind")
    parser.add_argument("--token", default="", help="of the readers, with the scopes read, export")
    parser.add_argument("--rate", type=float, default=1, help="factor of all rates")
    parser.add_argument("--seed", type=int, default=1)
    names = [kind.name for kind in KINDS]
    parser.add_argument("--kind", action="append", choices=names, help="only this; repeatable")
    options = parser.parse_args()
    os.nice(_NICE)  # It shares the machine with the collector and those who measure it.
    target = Target(options.port, options.token, form=sign_in_form(options.port))
    given = {"rate": options.rate, "seed": options.seed, "kinds": options.kind or ()}
    attacking = asyncio.create_task(attack(target, options.each, **given))
    _print_counts(target)  # Says that it has started.
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    while not ended.done():
        await asyncio.wait(
            [ended, attacking], timeout=_REPORT_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        _print_counts(target)
        if attacking.done():
            break
    attacking.cancel()
    with suppress(asyncio.CancelledError):
        await attacking


if __name__ == "__main__":
    asyncio.run(main())
