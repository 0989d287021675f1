"""Hostile soak: honest participants beside attackers of every kind (`bench/attackers.py`).

    python bench/hostile.py --minutes 30

Starts a collector with its default limits, and attackers in a process of their own. Each honest
participant and each attacker has an address of its own, as behind a proxy. The grades of honest
calls are known: the participants of one region have poor readings for a third of the time. At the
end every confirmed sample is looked up in the store, and the answers of the API are compared with
what was sent. Progress goes to stderr, the results as Markdown to stdout.

The exit code is 1 if an honest sample is lost, changed or duplicated, if the p99 of honest pushes,
counted from the time at which they were due, is not below its bound, if the collector's memory is
beyond its bounds, or if an answer is wrong.
"""

import argparse
import asyncio
import json
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from pymongo.errors import PyMongoError

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.attackers import KINDS, ROOM
from bench.crowd import Browser, Crowd, Figures
from bench.open_loop import ProcessState
from jmmc.core.model import SessionFilter
from jmmc.protocol.identity import session_of
from jmmc.quality.filters import SummaryFilter
from jmmc.stores import open_store
from tests.support.mongod import Mongod, ReplicaSet, started
from tests.support.servers import Serve
from tests.support.waiting import wait_until_async

_GOOD = b'"cq":100,"rtt":20,"d":{"pl":0}'
_POOR = b'"cq":5,"rtt":700,"d":{"pl":20}'
_ROOM = "honest-"
_PER_ROOM = 5
_PERIOD, _POOR_FROM, _POOR_UNTIL = 6, 2, 4  # Push intervals: poor is a third of the time.
_SHORTEST, _LONGEST = 4, 40  # Samples of a session.
_LONGEST_AWAY = 3  # Push intervals between two sessions.
_PROGRESS_SECONDS = 10.0
_STATE_SECONDS = 2.0
_QUESTION_SECONDS = 5.0
_BATCH = 500  # Sessions that are read at a time.
_ASKED_SESSIONS = 40
_GROWING_MINUTES = 10  # In shorter runs caches fill, so growth of memory is not judged.
_SHOWN_OF_LOG = 6000  # Characters.
_PAUSE, _RESTART = 30.0, 5.0  # Seconds of an outage of the database.


class Cohort(NamedTuple):
    """A group of honest participants: its region and browser, and whether its calls have problems.

    `share` is its share of all participants.
    """

    region: str
    browser: str
    has_problems: bool
    share: float


COHORTS = (
    Cohort("honest-north", "Honest 1", False, 0.5),
    Cohort("honest-east", "Honest 2", False, 0.3),
    Cohort("honest-south", "Honest 3", True, 0.2),
)


class Stay:
    """One session of a participant, as it was sent. Times are seconds of the monotonic clock."""

    __slots__ = ("cohort", "edges", "first", "is_poor", "last", "poor", "samples", "sid")

    def __init__(self, sid: bytes, cohort: Cohort, now: float) -> None:
        self.sid = sid
        self.cohort = cohort
        self.first = self.last = now
        self.poor = 0.0
        self.edges = 2  # Its beginning, its end, and changes of the grade.
        self.is_poor = False
        self.samples = 0

    @property
    def seconds(self) -> float:
        return self.last - self.first


class Participant(Browser):
    """An honest participant, who leaves and returns; the truth about each stay is in `stays`."""

    __slots__ = ("away", "began", "cohort", "interval", "is_leaving", "stays")

    def __init__(self, number: int, cohort: Cohort, interval: float, chance: random.Random) -> None:
        super().__init__(number, (b"",) * _LONGEST, chance)
        self.room = f"{_ROOM}{number // _PER_ROOM}".encode()
        address = b"10.%d.%d.%d" % (number >> 14, number >> 6 & 255, number % 64 + 1)
        self.headers = b"X-Forwarded-For: %b\r\n" % address
        self.cohort = cohort
        self.interval = interval
        self.began = 0.0  # When the problems of all participants began to alternate.
        self.away = 0
        self.is_leaving = False
        self.stays: list[Stay] = []

    def sample(self, moments: Sequence[float]) -> int:
        """Take a sample for each moment, unless the participant is away; returns how many."""
        return sum(self._take(moment) for moment in moments)

    def _take(self, now: float) -> bool:
        if self.seq == self.end and (self.queue or not self._return()):
            return False
        if self.seq == 0:
            if self.is_leaving:
                return False
            self.stays.append(Stay(self.sid, self.cohort, now))
        stay = self.stays[-1]
        readings = [b'"u":{"bw":%d}' % self.seq]
        if self.seq == 0:
            region, browser = self.cohort.region.encode(), self.cohort.browser.encode()
            readings.append(b'"br":"%b","os":"Linux","t":{"sr":"%b"}' % (browser, region))
        else:
            # The readings of a sample hold for the time before it.
            place = (now - self.began) / self.interval % _PERIOD
            is_poor = self.cohort.has_problems and _POOR_FROM <= place < _POOR_UNTIL
            stay.poor += (now - stay.last) * is_poor
            if self.seq == 1 or is_poor != stay.is_poor:
                readings.append(_POOR if is_poor else _GOOD)
                stay.edges += 2 * (self.seq > 1)
            stay.is_poor = is_poor
        stay.last = now
        is_last = self.is_leaving or self.seq == self.end - 1
        if is_last:
            self.end = self.seq + 1
        marks = b',"bye":true' if is_last else b""
        self.queue.append((self.seq, now, b'"m":{%b}%b' % (b",".join(readings), marks)))
        self.seq += 1
        self.sampled += 1
        stay.samples = self.seq
        return True

    @property
    def is_present(self) -> bool:
        return 0 < self.seq < self.end

    def _return(self) -> bool:
        """Start a new session when the participant was away for long enough."""
        if self.away == 0:
            self.away = self.chance.randint(1, _LONGEST_AWAY)
        self.away -= 1
        if self.away > 0 or self.is_leaving:
            return False
        self.seq, self.end = 0, self.chance.randint(_SHORTEST, _LONGEST)
        self.sid = b"%032x" % self.chance.getrandbits(128)
        return True


@dataclass
class Results:
    """What was seen during the run."""

    states: list[ProcessState] = field(default_factory=list)
    figures: Figures = field(default_factory=Figures)
    questions: list[float] = field(default_factory=list)
    """Seconds of each answer to an honest reader."""
    unanswered: int = 0
    """Questions of that reader without an answer."""
    backlogs: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def growth(self) -> float:
        """Growth of memory in the second half, in MB a minute (least squares)."""
        states = self.states[len(self.states) // 2 :]
        if len(states) < 3:
            return 0.0
        line = statistics.linear_regression([s.at for s in states], [s.rss for s in states])
        return line.slope * 60


class Attack:
    """The process of the attackers, and the last counts that it reported."""

    def __init__(self, port: int, token: str, options: argparse.Namespace) -> None:
        self._command = [sys.executable, str(Path(__file__).with_name("attackers.py"))]
        self._command += ["--port", f"{port}", "--token", token, "--each", f"{options.each}"]
        self._command += ["--rate", f"{options.rate}"]
        for kind in options.kind or ():
            self._command += ["--kind", kind]
        self.counts: dict[str, dict[str, int]] = {}

    async def start(self) -> None:
        """Start the process, and wait until it attacks."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.counts = json.loads(await self._process.stdout.readline())
        self._reading = asyncio.create_task(self._read())

    async def stop(self) -> int:
        """End the attack; returns the exit code, not 0 if it failed before."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(20):
                code = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            code = await self._process.wait()
        await self._reading
        return code

    def accepted(self) -> int:
        return sum(outcomes.get("200", 0) for outcomes in self.counts.values())

    def sent(self) -> int:
        return sum(sum(outcomes.values()) for outcomes in self.counts.values())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.counts = json.loads(line)


class Reader:
    """An honest reader with a token."""

    def __init__(self, port: int, token: str) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._headers = {"Authorization": f"Bearer {token}", "X-Forwarded-For": "192.0.2.9"}

    async def ask(self, path: str, **parameters: str) -> Any:
        """The decoded answer. Raises `OSError`."""
        return json.loads(await self.read(f"/api/v1/{path}", **parameters))

    async def read(self, path: str, **parameters: str) -> bytes:
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        return await asyncio.to_thread(self._get, f"{self._base}{path}{query}")

    def _get(self, url: str) -> bytes:
        request = urllib.request.Request(url, headers=self._headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())


class Soak:
    """One run: a collector, honest participants, attackers, and an honest reader."""

    def __init__(
        self, options: argparse.Namespace, folder: Path, serve: Serve, mongod: Mongod | None
    ) -> None:
        self.options = options
        self.mongod = mongod
        self.serve = serve
        self.folder = folder
        self.results = Results()
        chance = random.Random(options.seed)
        self.participants = [
            Participant(number, _cohort(number), options.interval, chance)
            for number in range(options.participants)
        ]
        self.crowd = Crowd(
            options.participants,
            port=serve.port,
            interval=options.interval,
            seed=options.seed,
            browsers=self.participants,
        )
        token = self._token()
        self.reader = Reader(serve.port, token)
        self.attack = Attack(serve.port, token, options)

    async def run(self) -> bool:
        """Run the load, compare, and print the results; True if all is right."""
        options = self.options
        await self.attack.start()
        until, watched = asyncio.Event(), asyncio.Event()
        self._began = time.monotonic()
        for participant in self.participants:
            participant.began = self._began
        seconds = options.minutes * 60
        running = asyncio.gather(
            self.crowd.run(until),
            self._watch(watched),
            self._question(watched),
            self._interrupt(seconds),
        )
        await asyncio.sleep(max(0.0, seconds - options.interval))
        ages = asyncio.create_task(self._summary_ages())
        for participant in self.participants:
            participant.is_leaving = True
        await asyncio.sleep(options.interval * 1.05 + 0.2)
        await self.crowd.drain(120)
        await ages
        if code := await self.attack.stop():
            self.results.problems.append(f"the attackers ended with {code}")
        until.set()
        watched.set()
        await running
        settled = await self._settle()
        if code := await asyncio.to_thread(self.serve.stop):
            self.results.problems.append(f"the collector ended with {code}")
        stored = await self._compare_samples()
        self._judge()
        self._print(settled, *ages.result(), stored)
        return not self.results.problems

    def _token(self) -> str:
        command = [sys.executable, "-m", "jmmc", "token", "create", "bench", "--scope", "read"]
        command += ["--scope", "export", "--store", self.serve.store]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    async def _watch(self, until: asyncio.Event) -> None:
        """Read the state of the collector's process, and print progress."""
        assert self.serve.process is not None
        states, total = self.results.states, self.results.figures
        shown, sent, accepted = time.monotonic(), 0, 0
        first = 0  # The state at the last line of progress.
        states.append(ProcessState.read(self.serve.process.pid, self.folder))
        while not until.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), _STATE_SECONDS)
            states.append(ProcessState.read(self.serve.process.pid, self.folder))
            now = time.monotonic()
            if now - shown < _PROGRESS_SECONDS and not until.is_set():
                continue
            figures = self.crowd.figures.take()
            _add(total, figures)
            before, after = states[first], states[-1]
            counts = self.attack.sent(), self.attack.accepted()
            others = {name: n for name, n in figures.outcomes.items() if name != "confirmed"}
            print(
                f"{now - self._began:4.0f} s: {figures.outcomes['confirmed']:,} confirmed,"
                f" p50 / p99 {figures.percentile(50):.0f} / {figures.percentile(99):.0f} ms,"
                f" {self.crowd.held:,} held, {others or 'none refused'}; attackers sent"
                f" {counts[0] - sent:,}, accepted {counts[1] - accepted:,}; CPU"
                f" {(after.cpu - before.cpu) / (after.at - before.at):.2f}, RSS {after.rss:.0f} MB,"
                f" {after.files} files, backlog {(self.results.backlogs or [0])[-1]:,}",
                file=sys.stderr,
                flush=True,
            )
            first, shown, (sent, accepted) = len(states) - 1, now, counts

    async def _interrupt(self, seconds: float) -> None:
        """Interrupt the database with `--outages`: its role, all of its threads, its process."""
        if self.mongod is None or not self.options.outages:
            return
        outages = ((0.2, _step_down), (0.4, _pause), (0.75, _kill))
        for share, outage in outages:
            await asyncio.sleep(self._began + share * seconds - time.monotonic())
            print(f"MongoDB: {outage.__doc__}", file=sys.stderr, flush=True)
            await asyncio.to_thread(outage, self.mongod)

    async def _question(self, until: asyncio.Event) -> None:
        """Ask as an honest reader beside the others, and read the backlog of summaries."""
        while not until.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), _QUESTION_SECONDS)
            began = time.monotonic()
            try:
                await self.reader.ask("overview", region=COHORTS[2].region, since="1d")
                self.results.questions.append(time.monotonic() - began)
                metrics = (await self.reader.read("/metrics")).decode()
            except OSError:
                self.results.unanswered += 1
                continue
            for line in metrics.splitlines():
                if line.startswith("jmmc_summaries_backlog "):
                    self.results.backlogs.append(int(float(line.split()[1])))

    async def _summary_ages(self) -> tuple[list[float], int]:
        """Ages of the summaries of present honest participants; how many have no summary."""
        present = sum(participant.is_present for participant in self.participants)
        ages: list[float] = []
        store = open_store(self.serve.store, timeout=60, read_only=True)
        await store.open()
        try:
            for cohort in COHORTS:
                selection = SummaryFilter(region=cohort.region, running=True)
                facts = await store.reports.facts(("ended",), selection)
                ages += [time.time() - ended for (ended,) in facts]
        finally:
            await store.close()
        return sorted(ages), max(0, present - len(ages))

    async def _settle(self) -> str:
        """Wait until the answers are right; how long that took."""
        began = time.monotonic()
        wrong: list[str] = ["not asked"]

        async def is_right() -> bool:
            wrong[:] = await self._wrong_answers() or await self._wrong_sessions()
            return not wrong

        with suppress(AssertionError):
            await wait_until_async(is_right, within=self.options.settle, pause=1)
        self.results.problems += wrong
        took = f"{time.monotonic() - began:.0f} s"
        return f"not after {took}" if wrong else f"after {took}"

    async def _wrong_answers(self) -> list[str]:
        """What overviews and comparisons say otherwise than was sent."""
        wrong: list[str] = []
        try:
            rows = {
                by: {row["value"]: row for row in await self.reader.ask("compare", by=by)}
                for by in ("region", "browser")
            }
            for cohort in COHORTS:
                stays = [stay for stay in self._stays() if stay.cohort is cohort]
                values = {"region": cohort.region, "browser": cohort.browser}
                for by, value in values.items():
                    answer = await self.reader.ask("overview", **{by: value})
                    wrong += _differences(f"overview of {value}", answer, stays)
                    if value not in rows[by]:
                        wrong.append(f"{value} is missing in the comparison by {by}")
                    else:
                        wrong += _differences(f"comparison: {value}", rows[by][value], stays)
        except OSError as error:
            wrong.append(f"no answer: {error}")
        return wrong

    async def _wrong_sessions(self) -> list[str]:
        """What some honest sessions are otherwise than was sent."""
        wrong: list[str] = []
        chance = random.Random(self.options.seed)
        those = [participant for participant in self.participants if participant.stays]
        participants = chance.sample(those, min(_ASKED_SESSIONS, len(those)))
        for participant in participants:
            stay = chance.choice(participant.stays)
            id_ = session_of(stay.sid.decode())
            try:
                detail = await self.reader.ask(f"sessions/{id_}")
            except OSError as error:
                wrong.append(f"session {id_}: {error}")
                continue
            summary = detail["summary"]
            expected = {
                "samples": stay.samples,
                "gaps": 0,
                "fair": 0,
                "unknown": 0,
                "running": False,
                "left": True,
                "region": stay.cohort.region,
                "browser": stay.cohort.browser,
                "room": participant.room.decode(),
                "participant_id": participant.browser_id.decode(),
            }
            for name, value in expected.items():
                if summary[name] != value:
                    wrong.append(f"session {id_}: {name} is {summary[name]!r}, expected {value!r}")
            seconds = {"poor": stay.poor, "good": stay.seconds - stay.poor}
            for name, value in seconds.items():
                if abs(summary[name] - value) > stay.edges:
                    wrong.append(f"session {id_}: {summary[name]} s {name}, expected {value:.1f}")
        return wrong

    async def _compare_samples(self) -> Counter[str]:
        """Compare confirmed with stored samples, and count what attackers stored."""
        counts: Counter[str] = Counter()
        store = open_store(self.serve.store, timeout=60, read_only=True)
        await store.open()
        try:
            stays = list(self._confirmed())
            for start in range(0, len(stays), _BATCH):
                batch = stays[start : start + _BATCH]
                ids = [session_of(stay.sid.decode()) for stay, _ in batch]
                sessions = {session.id: session for session in await store.get(ids)}
                for id_, (_, confirmed) in zip(ids, batch, strict=True):
                    session = sessions.get(id_)
                    samples = () if session is None else session.samples
                    seqs = Counter(sample.seq for sample in samples)
                    right = {
                        sample.seq
                        for sample in samples
                        if msgspec.json.decode(sample.readings)["u"]["bw"] == sample.seq
                    }
                    counts["confirmed"] += confirmed
                    counts["stored"] += len(samples)
                    counts["missing"] += len(set(range(confirmed)) - right)
                    counts["duplicated"] += seqs.total() - len(seqs)
            counts["sessions"] = await store.count(SessionFilter())
            counts["hostile sessions"] = counts["sessions"] - len(stays)
        finally:
            await store.close()
        held = self.crowd.held
        if counts["missing"] or counts["duplicated"] or held:
            self.results.problems.append(
                f"{counts['missing']} confirmed samples missing or changed,"
                f" {counts['duplicated']} duplicated, {held} not confirmed"
            )
        return counts

    def _stays(self) -> Iterable[Stay]:
        for participant in self.participants:
            yield from participant.stays

    def _confirmed(self) -> Iterable[tuple[Stay, int]]:
        """Each session with the number of its confirmed samples; those without any left out."""
        for participant in self.participants:
            for stay in participant.stays:
                held = len(participant.queue) if stay is participant.stays[-1] else 0
                if stay.samples > held:
                    yield stay, stay.samples - held

    def _judge(self) -> None:
        options, results = self.options, self.results
        p99, most = results.figures.percentile(99), max(state.rss for state in results.states)
        if p99 >= options.p99:
            results.problems.append(f"p99 {p99:.0f} ms, allowed below {options.p99:.0f}")
        if most > options.rss:
            results.problems.append(f"RSS {most:.0f} MB, allowed up to {options.rss:.0f}")
        growth = results.growth()
        if options.minutes >= _GROWING_MINUTES and growth > options.growth:
            results.problems.append(
                f"RSS grows by {growth:.1f} MB a minute, allowed up to {options.growth:.1f}"
            )
        if "Traceback" in (log := self.serve.log.read_text(errors="replace")):
            where = log.index("Traceback")
            results.problems.append(
                f"the collector logged {log.count('Traceback')} stack traces, the first one:"
                f"\n{log[where : where + _SHOWN_OF_LOG]}"
            )

    def _print(self, settled: str, ages: list[float], without: int, stored: Counter[str]) -> None:
        options, results, figures = self.options, self.results, self.results.figures
        first, last = results.states[0], results.states[-1]
        others = {name: n for name, n in figures.outcomes.items() if name != "confirmed"}
        refused = ", ".join(f"{n:,} {name}" for name, n in others.items()) or "none"
        questions = sorted(results.questions) or [0.0]
        disk = _disk_of_mongod(self.mongod) if self.mongod else _disk_of_sqlite(self.folder)
        rows = {
            "honest participants, attackers": f"{options.participants:,},"
            f" {options.each} of each of {len(options.kind or KINDS)} kinds;"
            f" {options.minutes:g} minutes",
            "honest samples confirmed, stored, missing, duplicated": f"{stored['confirmed']:,},"
            f" {stored['stored']:,}, {stored['missing']}, {stored['duplicated']}",
            "delay of honest pushes, p50 / p99 / p99.9": f"{figures.percentile(50):.1f} /"
            f" {figures.percentile(99):.1f} / {figures.percentile(99.9):.1f} ms",
            "honest pushes refused or not answered": refused,
            "requests of attackers, status 200": f"{self.attack.sent():,},"
            f" {self.attack.accepted():,}",
            "sessions, of attackers": f"{stored['sessions']:,}, {stored['hostile sessions']:,}",
            "CPU of the collector": f"{(last.cpu - first.cpu) / (last.at - first.at):.2f} cores",
            "RSS at the start, maximum, end": f"{first.rss:.0f},"
            f" {max(state.rss for state in results.states):.0f}, {last.rss:.0f} MB",
            "growth of RSS in the second half": f"{results.growth():.1f} MB a minute",
            "age of honest summaries, p50 / p99": f"{_at(ages, 50):.0f} / {_at(ages, 99):.0f} s;"
            f" {without:,} of {len(ages) + without:,} present without one",
            "most sessions that waited for a summary": f"{max(results.backlogs, default=0):,}",
            "answers right after the end of the load": settled,
            "overview of an honest reader, p50 / slowest": f"{_at(questions, 50):.2f} /"
            f" {questions[-1]:.2f} s; {results.unanswered} without an answer",
            "store on disk, of that data of attackers": f"{disk.size / 2**20:.0f},"
            f" {disk.size * disk.share / 2**20:.0f} MB",
        }
        print("\n| measure | value |\n|---|---|")
        for name, value in rows.items():
            print(f"| {name} | {value} |")
        print("\n| attackers | requests | by status |\n|---|--:|---|")
        for name, outcomes in self.attack.counts.items():
            statuses = ", ".join(f"{outcome}: {n:,}" for outcome, n in sorted(outcomes.items()))
            print(f"| {name} | {sum(outcomes.values()):,} | {statuses} |")
        for problem in results.problems:
            print(f"\nFAILED: {problem}")
        print(f"\n{'FAILED' if results.problems else 'All is right.'}", flush=True)


def _step_down(mongod: Mongod) -> None:
    """The primary steps down, and is elected again after ten seconds."""
    with mongod.client() as client, suppress(PyMongoError):
        client.admin.command("replSetStepDown", 10, force=True)


def _pause(mongod: Mongod) -> None:
    """All threads of the server stop for thirty seconds."""
    with mongod.hanging():
        time.sleep(_PAUSE)


def _kill(mongod: Mongod) -> None:
    """The server is killed, and started again after five seconds."""
    mongod.stop()
    time.sleep(_RESTART)
    mongod.start()


@contextmanager
def _database(folder: Path, chosen: argparse.Namespace) -> Iterator[tuple[Mongod | None, str]]:
    """The server that the options ask for, and its URL."""
    if chosen.outages:  # A server alone has no role to lose.
        replica_set = ReplicaSet(folder / "mongod", size=1)
        replica_set.start()
        try:
            yield replica_set.nodes[0], replica_set.url
        finally:
            replica_set.close()
    elif chosen.mongod:
        with started(folder / "mongod") as mongod:
            yield mongod, mongod.url
    else:
        yield None, ""


def _cohort(number: int) -> Cohort:
    place = number % 10 / 10
    for cohort in COHORTS:
        if place < cohort.share:
            return cohort
        place -= cohort.share
    return COHORTS[-1]


def _add(total: Figures, figures: Figures) -> None:
    total.outcomes += figures.outcomes
    total.delays += figures.delays
    total.confirmed += figures.confirmed
    total.sampled += figures.sampled


def _at(ordered: Sequence[float], percent: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0


def _differences(name: str, answer: dict[str, Any], stays: Sequence[Stay]) -> list[str]:
    """What an answer about these stays says otherwise than was sent.

    Allowed are 0.2 % of the seconds, and for rounding to whole seconds two for the square root of
    the number of sessions.
    """
    seconds, poor = sum(stay.seconds for stay in stays), sum(stay.poor for stay in stays)
    allowed = 0.002 * seconds + 2 * len(stays) ** 0.5
    grades = answer["grades"]
    known = grades["known_seconds"]
    wrong: list[str] = []
    if answer["sessions"] != len(stays):
        wrong.append(f"{name}: {answer['sessions']:,} sessions, expected {len(stays):,}")
    if abs(known - seconds) > allowed or grades["unknown_seconds"] > allowed:
        wrong.append(
            f"{name}: {known:,} s known and {grades['unknown_seconds']:,} unknown,"
            f" expected {seconds:,.0f} and 0"
        )
    found = (grades["poor_share"] or 0) * known
    if abs(found - poor) > allowed:
        wrong.append(f"{name}: {found:,.0f} s poor, expected {poor:,.0f}")
    return wrong


class Disk(NamedTuple):
    """Size of the store, and bytes of samples and summaries in it, of attackers and of others."""

    size: int
    hostile: int
    honest: int

    @property
    def share(self) -> float:
        """The part of the attackers."""
        return self.hostile / max(1, self.hostile + self.honest)


def _disk_of_sqlite(folder: Path) -> Disk:
    hostile = f"sum(CASE WHEN conf LIKE '{ROOM}%' THEN size END)"
    honest = f"sum(CASE WHEN conf NOT LIKE '{ROOM}%' THEN size END)"
    rows = (
        "SELECT conf, length(readings) + 20 AS size FROM samples"
        " JOIN sessions ON sessions.id = samples.session"
        " UNION ALL SELECT conf, length(whole) + 200 FROM summaries"
    )
    with sqlite3.connect(folder / "calls.db") as connection:
        parts = connection.execute(f"SELECT {hostile}, {honest} FROM ({rows})").fetchone()
    size = sum(file.stat().st_size for file in folder.glob("calls.db*"))
    return Disk(size, *(part or 0 for part in parts))


def _disk_of_mongod(mongod: Mongod) -> Disk:
    with mongod.client() as client:
        database = client.get_default_database()
        size = int(database.command("dbStats")["totalSize"])
        bytes_of = {True: 0, False: 0}
        for name in ("metrics-collector", "metrics-collector.summaries"):
            is_hostile = {"$regexMatch": {"input": "$conf", "regex": f"^{ROOM}"}}
            group = {"_id": is_hostile, "size": {"$sum": {"$bsonSize": "$$ROOT"}}}
            for row in database[name].aggregate([{"$group": group}]):
                bytes_of[row["_id"]] += row["size"]
    return Disk(size, bytes_of[True], bytes_of[False])


def options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--minutes", type=float, default=30, help="of load")
    add("--participants", type=int, default=10_000, help="honest ones")
    add("--interval", type=float, default=30, help="seconds between two pushes of a participant")
    add("--each", type=int, default=10, help="attackers of each kind")
    names = [kind.name for kind in KINDS]
    add("--kind", action="append", choices=names, help="only attackers of this kind; repeatable")
    add("--rate", type=float, default=1, help="factor of the attackers' rates")
    add("--mongod", action="store_true", help="start a mongod and use it instead of SQLite")
    add("--outages", action="store_true", help="as --mongod, which is interrupted three times")
    add("--settle", type=float, default=600, help="seconds in which answers must become right")
    add("--p99", type=float, help="ms below which the p99 of honest pushes must be: 250, 6500")
    add("--rss", type=float, default=500, help="most MB of memory of the collector")
    add("--growth", type=float, default=5, help="most MB a minute that it grows, second half")
    add("--seed", type=int, default=1)
    add("--folder", default=None, help="where to create the store")
    add("serve", nargs="*", help="options of jmmc serve, after --")
    chosen = parser.parse_args()
    if chosen.p99 is None:
        # The first pushes of an outage wait for store_timeout (5 s), before the spool takes them.
        chosen.p99 = 6500 if chosen.outages else 250
    return chosen


def main() -> None:
    chosen = options()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name, ExitStack() as stack:
        folder = Path(name)
        mongod, url = stack.enter_context(_database(folder, chosen))
        spool = ["--spool-dir", str(folder / "spool")]
        # A test's server has no limit of pushes: set it to the default again.
        serve = Serve(
            folder,
            *("--max-pushes-per-minute", "6000", *spool, *chosen.serve),
            store=url,
            fresh=True,
        )
        stack.callback(serve.close)
        is_right = asyncio.run(Soak(chosen, folder, serve, mongod).run())
    sys.exit(0 if is_right else 1)


if __name__ == "__main__":
    main()
