"""Many simulated browsers as an open-loop load: each samples on its own clock.

A browser has at most one push in flight, resends what is not confirmed, honours Retry-After, and
backs off without a response. It sends the deltas of simulated calls. Latency counts from the time
at which a push was due, so a server that falls behind cannot hide it (no coordinated omission).
"""

import asyncio
import json
import random
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import msgspec

from jmmc.core.model import Sample
from jmmc.simulation.scenario import STEP, Scenario, simulate
from tests.support.servers import PREFIX

_LIVES = 200  # Different simulated sessions; browsers share them.
_TICK = 0.005  # Seconds
_MOST_CONNECTIONS = 4000  # At a time: a proxy has fewer, and a process has some 20,000 files.
_TIMEOUT = 15.0  # Seconds that a browser waits for a response.
_MAX_WAIT = 60.0  # Seconds
_MAX_SAMPLES = 100  # Per push


@dataclass
class Figures:
    """Results of pushes. Delays are seconds from when a push was due to its confirmation."""

    outcomes: Counter[str] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)
    confirmed: int = 0
    sampled: int = 0

    def percentile(self, percent: float) -> float:
        """A percentile of the delays in milliseconds; 0 without delays."""
        if not self.delays:
            return 0.0
        ordered = sorted(self.delays)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    def take(self) -> "Figures":
        """The results since the last call."""
        taken = Figures(self.outcomes, self.delays, self.confirmed, self.sampled)
        self.outcomes, self.delays, self.confirmed, self.sampled = Counter(), [], 0, 0
        return taken


class Browser:
    """One participant, who starts a new session when one has ended.

    `queue` holds unconfirmed samples as (seq, time, JSON); `sampled` counts the samples of all
    sessions. `headers` are further header lines of its requests.
    """

    __slots__ = (
        *("browser_id", "busy", "chance", "due", "end", "failures", "headers", "life"),
        "not_before",
        *("queue", "room", "sampled", "seq", "sid"),
    )

    def __init__(self, number: int, life: Sequence[bytes], chance: random.Random) -> None:
        self.chance = chance
        self.sid = b"%032x" % chance.getrandbits(128)
        self.browser_id = b"00000000-0000-4000-8000-%012x" % number
        self.room = b"room-%d" % (number // 5)
        self.headers = b""
        self.life = life
        self.queue: deque[tuple[int, float, bytes]] = deque()
        self.seq = 0
        self.end = chance.randint(2, len(life))  # The first sessions end apart.
        self.sampled = 0
        self.busy = False
        self.failures = 0
        self.not_before = 0.0
        self.due = 0.0  # When the latest push was.

    @property
    def is_in_call(self) -> bool:
        """Whether a session has begun and not ended."""
        return 0 < self.seq < self.end

    def sample(self, moments: Sequence[float]) -> int:
        """Take a sample for each moment, the last at the end of the session; returns how many.

        0 while the end of the session before is not confirmed.
        """
        if self.seq == self.end:
            if self.queue:
                return 0
            self.seq, self.end = 0, len(self.life)
            self.sid = b"%032x" % self.chance.getrandbits(128)
        taken = min(len(moments), self.end - self.seq)
        for moment in moments[len(moments) - taken :]:
            self.queue.append((self.seq, moment, self.life[self.seq]))
            self.seq += 1
        self.sampled += taken
        return taken

    def body(self, now: float) -> bytes:
        """The body of a push with the unconfirmed samples, oldest first."""
        samples = b",".join(
            b'{"seq":%d,"age":%.2f,%s}' % (seq, now - moment, rest)
            for seq, moment, rest in list(self.queue)[:_MAX_SAMPLES]
        )
        push = b'{"v":2,"sid":"%b","uid":"%b","conf":"%b","now":%.3f,"samples":[%b]}'
        return push % (self.sid, self.browser_id, self.room, time.time(), samples)

    def confirm(self, ack: int) -> int:
        """Drop the samples up to `ack`; returns how many."""
        before = len(self.queue)
        while self.queue and self.queue[0][0] <= ack:
            self.queue.popleft()
        self.failures = 0
        return before - len(self.queue)


class Crowd:
    """`size` browsers that push to a port every `interval` seconds until they are stopped.

    A push has what was sampled since the one before: a sample each ten seconds.

    With `fresh`, each push opens a connection, as browsers do without a proxy; otherwise
    connections are reused, as behind a proxy, and a push waits where there are too many.
    `browsers` are used instead of those of simulated calls.
    """

    def __init__(
        self,
        size: int,
        *,
        port: int,
        interval: float = 30.0,
        seed: int = 1,
        fresh: bool = False,
        browsers: Sequence[Browser] = (),
    ) -> None:
        chance = random.Random(seed)
        self.browsers = browsers or _browsers(size, chance, _lives(seed))
        self.figures = Figures()
        self.sampling = True
        self._chance = chance
        self._port = port
        self._interval = interval
        self._fresh = fresh
        self._idle: list[_Connection] = []
        self._opened = 0  # Connections, also those that are being opened.
        self._opening: set[asyncio.Task[None]] = set()
        self._waiting: deque[Browser] = deque()  # For a connection.
        self._in_flight: deque[tuple[float, _Connection, int]] = deque()  # Deadline, number.

    async def run(self, until: asyncio.Event) -> None:
        """Sample and push until the event is set."""
        began = time.monotonic()
        turn = 0  # Pushes due so far, of all browsers.
        samples = max(1, round(self._interval / STEP))  # Of a push.
        later = range(samples - 1, -1, -1)
        while not until.is_set():
            now = time.monotonic()
            due = int((now - began) / self._interval * len(self.browsers))
            while turn < due:
                browser = self.browsers[turn % len(self.browsers)]
                at = began + turn * self._interval / len(self.browsers)
                if self.sampling:
                    moments = [at - ago * self._interval / samples for ago in later]
                    if sampled := browser.sample(moments):
                        self.figures.sampled += sampled
                        browser.due = at
                turn += 1
                self._begin(browser, now)
            self._give_up(now)
            await asyncio.sleep(_TICK)
        self._waiting.clear()
        while self._in_flight:
            self._give_up(time.monotonic())
            await asyncio.sleep(_TICK)
        for connection in self._idle:
            connection.close()

    async def drain(self, seconds: float) -> None:
        """Push the remaining samples, without new ones, until all are confirmed."""
        self.sampling = False
        deadline = time.monotonic() + seconds
        while self.held and time.monotonic() < deadline:
            now = time.monotonic()
            for browser in self.browsers:
                if browser.queue:
                    self._begin(browser, now)
            await asyncio.sleep(0.2)

    @property
    def held(self) -> int:
        """The number of unconfirmed samples."""
        return sum(len(browser.queue) for browser in self.browsers)

    def _begin(self, browser: Browser, now: float) -> None:
        if browser.busy or not browser.queue or now < browser.not_before:
            return
        browser.busy = True
        self._send(browser, now)

    def _send(self, browser: Browser, now: float) -> None:
        """Send the push of a browser; it waits where all connections are in use."""
        while self._idle and not self._fresh:
            connection = self._idle.pop()
            if not connection.is_closed:
                connection.take(browser)
                self._in_flight.append((now + _TIMEOUT, connection, connection.pushes))
                connection.send(self._request(browser, now))
                return
        if self._opened >= _MOST_CONNECTIONS:
            self._waiting.append(browser)
            return
        self._opened += 1
        task = asyncio.create_task(self._open(browser))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, browser: Browser) -> None:
        connection = _Connection(self)
        connection.take(browser)
        self._in_flight.append((time.monotonic() + _TIMEOUT, connection, connection.pushes))
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: connection, "127.0.0.1", self._port)
        except OSError:
            self.lost(connection)
            self.closed()
        else:
            if connection.browser is not None:  # It has not given up meanwhile.
                connection.send(self._request(browser, time.monotonic()))

    def _request(self, browser: Browser, now: float) -> bytes:
        body = browser.body(now)
        return b"POST %b/push HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n%b%b" % (
            PREFIX.encode(),
            browser.headers,
            b"Connection: close\r\n" if self._fresh else b"",
        ) + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)

    def _give_up(self, now: float) -> None:
        """Close the connections of pushes that have waited for `_TIMEOUT`."""
        while self._in_flight:
            deadline, connection, push = self._in_flight[0]
            waits = connection.browser is not None and connection.pushes == push
            if waits and now < deadline:
                return
            self._in_flight.popleft()
            if waits:
                connection.close()
                self.lost(connection)

    def answered(self, connection: "_Connection", browser: Browser, answer: "_Answer") -> None:
        """Count the answer to a push, and use its connection again."""
        if self._fresh or answer.closes:
            connection.close()
        else:
            self._idle.append(connection)
        if answer.status == 200:
            content = json.loads(answer.content)
            self.figures.confirmed += browser.confirm(content["ack"])
            self.figures.delays.append(time.monotonic() - browser.due)
            self.figures.outcomes["resync" if content.get("resync") else "confirmed"] += 1
        else:
            self.figures.outcomes[f"{answer.status} {json.loads(answer.content)['error']}"] += 1
            self._back_off(browser, max(answer.wait, 2.0**browser.failures))
        browser.busy = False
        if self._waiting:
            self._send(self._waiting.popleft(), time.monotonic())

    def lost(self, connection: "_Connection") -> None:
        """Count a push without an answer."""
        browser, connection.browser = connection.browser, None
        if browser is not None:
            self.figures.outcomes["no response"] += 1
            self._back_off(browser, 2.0**browser.failures)
            browser.busy = False

    def closed(self) -> None:
        """Let another push open a connection in place of one that is closed."""
        self._opened -= 1
        if self._waiting:
            self._send(self._waiting.popleft(), time.monotonic())

    def _back_off(self, browser: Browser, seconds: float) -> None:
        browser.failures = min(browser.failures + 1, 6)
        jitter = self._chance.uniform(0.5, 1.5)
        browser.not_before = time.monotonic() + min(seconds, _MAX_WAIT) * jitter


class _Answer(NamedTuple):
    """`wait`: the seconds of Retry-After, 0 without it. `closes`: the server closes afterwards."""

    status: int
    content: bytes
    wait: float
    closes: bool


class _Connection(asyncio.Protocol):
    """A connection of a crowd, with the push of at most one browser in flight.

    Streams, a task and a timer for each push would take more CPU than the server does.
    """

    def __init__(self, crowd: Crowd) -> None:
        self.browser: Browser | None = None
        self.pushes = 0
        self._crowd = crowd
        self._transport: asyncio.Transport | None = None
        self._received = b""

    @property
    def is_closed(self) -> bool:
        """Whether it cannot be used again."""
        return self._transport is None or self._transport.is_closing()

    def take(self, browser: Browser) -> None:
        """Be the connection of a browser until its push is answered."""
        self.browser = browser
        self.pushes += 1
        self._received = b""

    def send(self, request: bytes) -> None:
        """Send the push."""
        assert self._transport is not None
        self._transport.write(request)

    def close(self) -> None:
        """Close it, if it is open."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class.
        if self.browser is None:  # The browser has given up meanwhile.
            transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self.browser is not None and (answer := _answer(self._received)) is not None:
            browser, self.browser = self.browser, None
            self._crowd.answered(self, browser, answer)

    def connection_lost(self, error: Exception | None) -> None:
        self._crowd.lost(self)
        self._crowd.closed()


def _answer(received: bytes) -> _Answer | None:
    """The answer in these bytes; None while it is not complete."""
    head, end, content = received.partition(b"\r\n\r\n")
    if not end:
        return None
    head = head.lower()
    if len(content) < int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]):
        return None
    wait = head.partition(b"retry-after: ")[2].partition(b"\r\n")[0]
    return _Answer(int(head[9:12]), content, float(wait or 0), b"connection: close" in head)


def _browsers(size: int, chance: random.Random, lives: list[list[bytes]]) -> list[Browser]:
    return [Browser(number, lives[number % len(lives)], chance) for number in range(size)]


def _lives(seed: int) -> list[list[bytes]]:
    """Simulated sessions; each sample as the JSON that follows `seq` and `age` in a push."""
    scenario = Scenario(_LIVES, _LIVES // 5, 240, seed, 0)
    return [
        [_rest(sample) for sample in life.session.samples]
        for life in simulate(scenario)
        if len(life.session.samples) > 2
    ]


def _rest(sample: Sample) -> bytes:
    sent = msgspec.json.decode(sample.readings)
    if isinstance(sent.get("t"), dict):
        for name in ("rip", "asn", "cc"):  # Added by the server.
            sent["t"].pop(name, None)
    marks = (b',"full":true' if sample.full else b"") + (b',"bye":true' if sample.bye else b"")
    return b'"m":' + msgspec.json.encode(sent) + marks
