"""Compare the presets with what published sources say of the same call.

Prints a Markdown table:

* Conditions, each with the grade that a source gives it.
* Recorded calls of which it is known what was wrong.
* A grid of round-trip time, loss and jitter. Five sources grade each point: the E-model, with the
  delay term of G.107 itself and the loss robustness that G.113 gives for G.711 with concealment
  (`quality.mos` has other terms for both), Daily, Teams, Twilio and Pexip. They disagree, so the
  grade is their median.
"""

import sys
from collections.abc import Iterable, Mapping
from itertools import product
from math import log2
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from jmmc.quality.grading import Grade, judge
from jmmc.quality.thresholds import PRESETS
from jmmc.quality.timeline import Span, State
from tests.support.recordings import participants, spans_of

_GOOD, _FAIR, _POOR, _UNKNOWN = Grade.GOOD, Grade.FAIR, Grade.POOR, Grade.UNKNOWN
_LAN: State = {
    **{"cq": 95, "rtt": 2, "u.pl": 0, "d.pl": 0, "u.jit": 3, "d.jit": 3, "d.cnc": 0, "d.frz": 0},
    **{"u.lim": "none", "res.h": 720, "u.fr": 30, "u.vb": 1500},
}


class Condition(NamedTuple):
    """A call of five minutes: readings other than those of a LAN, and its grade by a source."""

    name: str
    readings: State
    grade: Grade
    source: str
    base: State = _LAN
    seconds: tuple[int, int] = (60, 300)


CONDITIONS = (
    Condition("LAN", {}, _GOOD, "G.107: R 93"),
    Condition("LAN, quality 18 as recorded", {"cq": 18}, _GOOD, "G.107: R 93"),
    Condition("LAN, quality 5", {"cq": 5}, _GOOD, "G.107: R 93"),
    Condition(
        "LAN, video finds its bandwidth: 180 lines, quality 20",
        {"cq": 20, "u.lim": "bandwidth", "res.h": 180},
        _GOOD,
        "G.107: R 93; 20 to 30 s in recorded calls",
        seconds=(0, 30),
    ),
    Condition("DSL, 40 ms", {"rtt": 40, "d.jit": 8, "d.pl": 0.1}, _GOOD, "G.107: R 92"),
    Condition("other continent, 220 ms", {"rtt": 220, "d.jit": 8}, _GOOD, "Daily: below 300 ms"),
    Condition("rtt 400 ms", {"rtt": 400}, _FAIR, "Daily: 300 to 600 ms"),
    Condition("satellite, 650 ms", {"rtt": 650, "d.jit": 10}, _POOR, "Daily: beyond 600 ms"),
    Condition(
        "Wi-Fi, jitter 35 ms, concealed 0.5 %",
        {"rtt": 20, "d.jit": 35, "d.cnc": 0.5, "d.pl": 0.3},
        _GOOD,
        "Webex: up to 3 % concealed; G.107: R 91",
    ),
    Condition("loss 2 %", {"rtt": 40, "d.pl": 2, "d.cnc": 0.7}, _GOOD, "Daily: below 5 %"),
    Condition("loss 4 %", {"rtt": 40, "d.pl": 4, "d.cnc": 1.4}, _GOOD, "Daily: below 5 %"),
    Condition("loss 7 %", {"rtt": 40, "d.pl": 7, "d.cnc": 2.5}, _FAIR, "Daily: 5 to 10 %"),
    Condition("upload loss 8 %", {"rtt": 40, "u.pl": 8, "cq": 60}, _FAIR, "Daily: 5 to 10 %"),
    Condition("loss 11 %", {"rtt": 40, "d.pl": 11, "d.cnc": 4}, _POOR, "Daily, Teams: beyond 10 %"),
    Condition(
        "loss 7.9 % both ways, 299 ms, jitter 29 ms, concealed 2.9 %",
        {"rtt": 299, "u.pl": 7.9, "d.pl": 7.9, "u.jit": 29, "d.jit": 29, "d.cnc": 2.9},
        _POOR,
        "G.109: R 52.6, with Bpl 20",
    ),
    Condition("concealed 4 %, loss 3 %", {"d.pl": 3, "d.cnc": 4}, _FAIR, "Webex: significant"),
    Condition("concealed 8 %, loss 4 %", {"d.pl": 4, "d.cnc": 8}, _POOR, "Webex: severe; Teams"),
    Condition("frozen for 2 s of 10", {"d.frz": 20}, _POOR, "ours: no published limit"),
    Condition(
        "narrow uplink: 180 lines, 15 frames/s, quality 5",
        {"cq": 5, "u.lim": "bandwidth", "res.h": 180, "u.fr": 15},
        _FAIR,
        "EN 301 549: usable, below CIF and 20 frames/s",
    ),
    Condition(
        "slow machine: 12 frames/s",
        {"cq": 50, "u.lim": "cpu", "u.fr": 12},
        _FAIR,
        "EN 301 549: usable, 12 frames/s",
    ),
    Condition(
        "slow machine, but 720 lines at 25 frames/s",
        {"u.lim": "cpu", "u.fr": 25},
        _GOOD,
        "EN 301 549: good from CIF, 20 frames/s",
    ),
    Condition(
        "shared screen, 1080 lines at 5 frames/s",
        {"cq": 40, "u.lim": "bandwidth", "res.h": 1080, "u.fr": 5},
        _GOOD,
        "Teams: a shared screen is poor below 2 frames/s",
    ),
    Condition("no connection", {"interrupted": True}, _POOR, "nothing is heard", base={}),
    Condition("only rtt known", {"rtt": 20}, _UNKNOWN, "G.107 needs loss", base={}),
)


def graded(condition: Condition) -> Mapping[str, Grade]:
    """The grade of a condition by the name of the preset: the one of most of its time."""
    start, end = condition.seconds
    spans = [Span(start, end, {**condition.base, **condition.readings})]
    if start:
        spans.insert(0, Span(0, start, condition.base))
    found: dict[str, Grade] = {}
    for name, preset in PRESETS.items():
        seconds = dict.fromkeys(Grade, 0)
        for judgement in judge(spans, preset):
            seconds[judgement.grade] += max(0, judgement.end - max(judgement.start, start))
        found[name] = max(seconds, key=seconds.__getitem__)
    return found


def e_model(rtt: float, loss: float, jitter: float) -> float:
    """R by G.107, for an echo that is cancelled, with the buffer that a browser has.

    Ta is half of the round trip, a packet of 20 ms and a buffer of 20 ms and twice the jitter.
    G.113: Ie = 0 and Bpl = 25.1 for G.711 with packet loss concealment.
    """
    delay = rtt / 2 + 20 + 20 + 2 * jitter
    impairment = 0.0
    if delay > 100:
        x = log2(delay / 100)
        impairment = 25 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2)
    return 93.2 - impairment - 95 * loss / (loss + 25.1)


def opinion(r: float) -> Grade:
    """The grade of R by G.109: below 70 many users are dissatisfied, below 60 nearly all."""
    return _GOOD if r >= 70 else _FAIR if r >= 60 else _POOR


GRID = tuple(
    product(
        (10, 40, 80, 120, 180, 250, 350, 450, 550, 650, 800),
        (0, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20),
        (2, 5, 10, 20, 40),
    )
)


def opinions(rtt: float, loss: float, jitter: float) -> tuple[Grade, ...]:
    """What each source says; those with one limit say good or poor."""
    return (
        opinion(e_model(rtt, loss, jitter)),
        _POOR if rtt > 600 or loss > 10 else _FAIR if rtt > 300 or loss > 5 else _GOOD,
        _POOR if rtt > 500 or loss > 10 or jitter > 30 else _GOOD,
        _POOR if rtt > 400 or loss > 3 or jitter > 30 else _GOOD,
        _POOR if loss > 3 else _FAIR if loss > 1 or jitter > 40 else _GOOD,
    )


class Agreement(NamedTuple):
    """Points of the grid with the expected grade, those graded better, and those graded worse."""

    same: int
    better: int
    worse: int


def grid_agreement(preset: str, *, e_model_only: bool = False) -> Agreement:
    """How a preset agrees with the median of all sources, or with the E-model."""
    found = {-1: 0, 0: 0, 1: 0}
    for rtt, loss, jitter in GRID:
        said = opinions(rtt, loss, jitter)
        expected = said[0] if e_model_only else median(said)
        state: State = {"rtt": rtt, "d.pl": loss, "d.jit": jitter}
        (judgement,) = judge([Span(0, 10, state)], PRESETS[preset])
        found[(judgement.grade > expected) - (judgement.grade < expected)] += 1
    return Agreement(found[0], found[-1], found[1])


_NOTHING_WRONG = ("base", "reference-jvb-10s", "reference-jvb-10s-3p", "breakout", "push-fails")
# The filter that lost 20 % of what B received, in Unix milliseconds.
_LOSS_BEGAN, _LOSS_ENDED = 1_795_959_005_400, 1_795_959_065_400


def clean_calls() -> list[list[Span]]:
    """Recorded calls on a LAN without loss, by participant."""
    found = []
    for records in participants().values():
        kept = [record for record in records if record["scenario"] in _NOTHING_WRONG]
        if len(kept) > 3 and not any(
            record["payload"]["packetLoss"]["download"] for record in kept
        ):
            found.append(spans_of(kept))
    return found


def lossy_calls() -> list[list[Span]]:
    """The times of recorded calls in which a filter lost 10 to 20 % of what was received."""
    found = []
    for (setup, who), records in participants().items():
        if setup.startswith("three people over a bridge") and who.startswith("B"):
            found.append(
                spans_of(
                    [record for record in records if _LOSS_BEGAN <= record["at"] <= _LOSS_ENDED]
                )
            )
        elif who.startswith("A"):
            kept = [
                record
                for record in records
                if record["scenario"] in ("A-down-loss-15%", "down-loss-10%")
            ]
            found += [spans_of(kept)] if kept else []
    return found


def good_share(calls: Iterable[Iterable[Span]], preset: str) -> float:
    """The share of known time that is good."""
    seconds = dict.fromkeys(Grade, 0)
    for spans in calls:
        for judgement in judge(spans, PRESETS[preset]):
            seconds[judgement.grade] += judgement.end - judgement.start
    return seconds[_GOOD] / (sum(seconds.values()) - seconds[_UNKNOWN])


def _seconds(calls: Iterable[Iterable[Span]]) -> int:
    return sum(span.end - span.start for spans in calls for span in spans if span.state)


def table() -> str:
    """The whole comparison, as Markdown."""
    rows = [["", "a source says", *PRESETS], ["---"] * (2 + len(PRESETS))]
    agreed = dict.fromkeys(PRESETS, 0)
    for condition in CONDITIONS:
        cells = []
        for name, grade in graded(condition).items():
            agreed[name] += grade is condition.grade
            cells.append(grade.name.lower() + ("" if grade is condition.grade else " ✗"))
        says = f"{condition.grade.name.lower()} ({condition.source})"
        rows.append([condition.name, says, *cells])
    rows.append(["agree with these", str(len(CONDITIONS)), *map(str, agreed.values())])
    clean, lossy = clean_calls(), lossy_calls()
    for calls, what, says in (
        (clean, "recorded on a LAN without loss", "all good"),
        (lossy, "recorded while 10 to 20 % were lost", "none good"),
    ):
        rows.append(
            [
                f"{what}, {_seconds(calls):,} s: good",
                says,
                *(f"{good_share(calls, name):.0%}" for name in PRESETS),
            ]
        )
    for only, says in ((False, "median of five sources"), (True, "the E-model alone")):
        cells = []
        for name in PRESETS:
            same, better, worse = grid_agreement(name, e_model_only=only)
            cells.append(f"{same / len(GRID):.0%} ({better}, {worse})")
        rows.append([f"grid of {len(GRID)}: agree (too good, too bad)", says, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    print(table())
