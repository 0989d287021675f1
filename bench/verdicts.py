"""Measure how often the likely cause of a problem is the planted one.

python bench/verdicts.py              all worlds; some minutes
python bench/verdicts.py --worlds 3   fewer worlds of each kind
python bench/verdicts.py --only region,network --base 0.03
python bench/verdicts.py --seed 700 --largest 150
python bench/verdicts.py --only meeting --base 0.03 --worlds 100 --planted
                                      many worlds of one cause, and only the problems that it made
python bench/verdicts.py --speed      how long a session and a meeting of 50 take, of 5,000 people
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.worlds import GROUPS, KINDS, OWN, START, TICK, Plan, Problem, World, simulate
from jmmc.answers.details import MOST_SPELLS
from jmmc.answers.problem_incidents import answer_for
from jmmc.maintenance.cause_records import MOST_PEOPLE
from jmmc.quality.causes import Answer, Crowd, Records, likely_causes
from jmmc.quality.causes.answer import Verdict
from jmmc.quality.causes.incidents import APART
from jmmc.quality.causes.parameters import CLEAR
from jmmc.quality.causes.recorded import (
    HourAnswers,
    RecordedIncident,
    change_of_hour,
    parts_of_hour,
    problem_digest,
)
from jmmc.quality.intervals import wilson

BASES = (0.01, 0.03, 0.1, 0.25)
PEOPLE = {5: 2.0, 12: 2.0, 40: 2.0, 150: 1.0, 600: 0.3}
LARGE = 5000
ROUNDS = 5
_MOST_OF_LARGE = 500  # Problems of a world with 5,000 people that are judged, spread evenly.


_SHARED_PATH = frozenset(("meeting", "bridge", "region", "service"))
"""Groups whose trouble at another participant reaches this one through the same group."""
_AT_A_BRIDGE = frozenset(("bridge", "region", "service"))
"""Groups that those are in whose media go through a bridge."""
_AT_ONE_TIME = frozenset(("meeting", "network", "provider", "bridge", "region", "service"))
"""Groups whose people have the planted trouble at one time."""
_SMALL_GROUPS = ("meeting", "network", "provider")
_TOGETHER, _ALONE = "{}: others of it too", "{}: nobody else then"
_MEETINGS = {2: "2", 5: "3 to 5", 15: "6 to 15", 50: "16 to 50"}
_FEWEST_WORLDS = 5
"""Of which an interval is computed."""
_NORMAL = 1.96
"""Standard deviations to each side of the mean, of 95 % of a normal distribution."""
_ONLY_OF_PATH = frozenset(("up", "down", "delay", "jitter"))


class Judged(NamedTuple):
    """An answer beside the truth."""

    world: World
    problem: Problem
    answer: Answer
    decidable: bool
    seconds: float

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(kind for kind, _ in self.problem.truth.causes)

    @property
    def planted(self) -> str:
        """The kind that a row of the table is of."""
        kinds = self.kinds
        if self.world.planted in kinds:
            return self.world.planted
        return min(kinds, key=KINDS.index) if kinds else "nothing"

    @property
    def alone(self) -> bool:
        """Whether nobody else of the planted group had its trouble at the same time.

        Then only records, and what others had at other times, can tell that it was the group.
        """
        world, spell = self.world, self.problem.spell
        return not any(
            trouble.kind == world.planted
            and trouble.start < spell.end
            and trouble.end > spell.start
            for stay in world.stays
            if stay.person.uid != self.problem.summary.browser_id
            for trouble in stay.troubles
        )

    def is_right(self, place: int = 0) -> bool:
        cause = self.answer.causes[place]
        kind, value = cause.kind, cause.value
        if kind in OWN:
            # What passes by itself was on the participant's own line or machine too.
            return kind in self.kinds or "chance" in self.kinds
        return self.problem.truth.has(kind, value) or self.reaches_through(kind, value)

    def reaches_through(self, kind: str, value: str) -> bool:
        """Whether the other end's trouble is that of a bridge, or the like, on which both are.

        A bridge that loses what some send is the cause of what the others do not receive of them.
        """
        world, summary, spell = self.world, self.problem.summary, self.problem.spell
        if kind not in _SHARED_PATH or (kind, value) != (world.planted, world.value):
            return False
        senders = {value for cause, value in self.problem.truth.causes if cause == "other end"}
        return any(
            trouble.kind == kind and trouble.start < spell.end and trouble.end > spell.start
            for stay in world.stays
            if stay.session in senders and stay.room == summary.room
            for trouble in stay.troubles
        )

    @property
    def mirrored(self) -> bool:
        """Whether both ends of a path would measure the same if it were the other end's trouble.

        From peer to peer, what one end loses on the way up the other one loses on the way down: it
        has no name there. Cut connections, slow machines and narrow uplinks have.
        """
        summary, spell = self.problem.summary, self.problem.spell
        if summary.transport != "p2p":
            return False
        found = [
            trouble.conditions
            for stay in self.world.stays
            if stay.room == summary.room
            for trouble in stay.troubles
            if trouble.start < spell.end + TICK and trouble.end > spell.start - TICK
        ]
        return bool(found) and all(
            not value or name in _ONLY_OF_PATH
            for conditions in found
            for name, value in conditions._asdict().items()
        )

    @property
    def right(self) -> bool:
        return self.is_right()

    @property
    def right_or_tie(self) -> bool:
        return self.right or any(self.is_right(place) for place in self.answer.ties)

    @property
    def own(self) -> bool:
        return any(kind in OWN for kind in self.kinds)

    @property
    def accuses(self) -> bool:
        """Whether a group or a person that is innocent has 50 % and more, and so is named."""
        cause = self.answer.causes[0]
        if cause.probability < CLEAR or self.right_or_tie:
            return False
        return not (cause.kind in OWN and self.own)

    @property
    def together(self) -> int:
        """How many were in the meeting."""
        room = self.problem.summary.room
        return sum(stay.room == room for stay in self.world.stays)


def judge(world: World, every: int = 1, *, only_planted: bool = False) -> Iterator[Judged]:
    """Explain each problem of a world, or one of so many; `seconds` are of CPU.

    `only_planted`: only those that the planted cause made.
    """
    summaries = world.summaries
    since = min(summary.began for summary in summaries)
    until = max(summary.ended for summary in summaries)
    crowd = Crowd(summaries, since, until)
    people_of: dict[str, list[str]] = defaultdict(list)
    for summary in summaries:
        people_of[summary.room].append(summary.browser_id)
    problems = world.problems
    if only_planted:
        problems = [problem for problem in problems if is_planted(world, problem)]
    for problem in problems[::every]:
        people = [problem.summary.browser_id, *people_of[problem.summary.room]]
        records = _as_read(world.records, people)
        began = time.process_time()
        answer = likely_causes(problem.summary, problem.spell, crowd, records)
        took = time.process_time() - began
        yield Judged(world, problem, answer, is_decidable(world, problem), took)


def is_planted(world: World, problem: Problem) -> bool:
    """Whether the planted cause is one of a problem."""
    return any(kind == world.planted for kind, _ in problem.truth.causes)


class Shown(NamedTuple):
    """A problem with the answer of its incident, which pages show, and that incident."""

    judged: Judged
    incident: RecordedIncident


def as_shown(judged: Sequence[Judged]) -> Iterator[Shown]:
    """The same problems of one world with the answers of their incidents."""
    if not judged:
        return
    world = judged[0].world
    found = parts_of_hour(START, world.summaries, world.records, (), HourAnswers())
    incident_of: dict[str, RecordedIncident] = {}
    for stored in change_of_hour(START, found, ()).changed:
        for part in stored.parts:
            incident_of |= dict.fromkeys(part.problems.digests, stored.incident)
    for item in judged:
        problem, own = item.problem, item.answer
        session = problem.summary.session
        incident = incident_of.get(problem_digest(session, problem.spell.start))
        if incident is not None:
            answer = answer_for(incident, (session,), partial(_same, own))
            yield Shown(item._replace(answer=answer), incident)


class Joins(NamedTuple):
    """How problems of some worlds were joined to incidents, by the truth.

    `foreign` of `problems` are in an incident most of whose problems have none of their causes.
    `apart` of the problems of those whom a planted incident hit with others (`planted`) are not in
    the incident with most problems of theirs. Who only receives these is no such one.
    """

    problems: int
    foreign: int
    planted: int
    apart: int

    @classmethod
    def of(cls, shown: Iterable[Shown]) -> "Joins":
        """Those of problems with their incidents."""
        of_incident: dict[tuple[int, str], list[Judged]] = defaultdict(list)
        of_planted: dict[int, list[tuple[int, int, str, str]]] = defaultdict(list)
        for item, incident in shown:
            world, (summary, spell, _) = item.world, item.problem
            of_incident[id(world), incident.id].append(item)
            if world.planted in _AT_ONE_TIME & item.kinds:
                row = spell.start, spell.end, incident.id, summary.browser_id
                of_planted[id(world)].append(row)
        foreign = 0
        for items in of_incident.values():
            counts = Counter(trouble for item in items for trouble in _troubles(item))
            most, _ = max(counts.items(), key=lambda pair: (pair[1], pair[0]))
            foreign += sum(most not in _troubles(item) for item in items)
        planted = apart = 0
        for rows in of_planted.values():
            for spans in _chains(rows):
                if len({person for *_, person in spans}) > 1:
                    incidents = Counter(id_ for _, _, id_, _ in spans)
                    planted += len(spans)
                    apart += len(spans) - max(incidents.values())
        return cls(sum(map(len, of_incident.values())), foreign, planted, apart)


def _troubles(item: Judged) -> frozenset[tuple[str, str]]:
    """What a problem came from: whose it was, or the planted group, also of a sender."""
    world, summary = item.world, item.problem.summary
    person_of = {stay.session: stay.person.uid for stay in world.stays}
    found = set()
    for kind, value in item.problem.truth.causes:
        if kind in OWN:
            found.add(("person", summary.browser_id))
        elif kind == "other end":
            found.add(("person", person_of[value]))
        else:
            found.add((kind, value))
    if item.reaches_through(world.planted, world.value):
        found.add((world.planted, world.value))
    return frozenset(found or {("nothing", summary.session)})


def _chains(
    rows: Iterable[tuple[int, int, str, str]],
) -> Iterator[list[tuple[int, int, str, str]]]:
    """Spans, by their start and end, in groups that overlap or are a minute apart."""
    chain: list[tuple[int, int, str, str]] = []
    for row in sorted(rows):
        if chain and row[0] > max(end for _, end, *_ in chain) + APART:
            yield chain
            chain = []
        chain.append(row)
    if chain:
        yield chain


def _same(answer: Answer) -> Answer:
    return answer


def _as_read(records: Records, people: Iterable[str]) -> Records:
    """The records that the page of a session reads: of people, those of the first few."""
    read = [*dict.fromkeys(people)][:MOST_PEOPLE]
    known = {person: records.people[person] for person in read if person in records.people}
    return Records(records.all, records.groups, known)


def is_decidable(world: World, problem: Problem) -> bool:
    """Whether what is known of a planted cause differs from what another one would look like.

    By the truth alone: nobody else had the planted trouble at any time; or the people who were
    there, and had the planted group in common with the participant, had another one in common, too.
    """
    if not is_planted(world, problem):
        return True
    me, spell = problem.summary.browser_id, problem.spell
    others = [stay for stay in world.stays if stay.person.uid != me]
    if not any(trouble.kind == world.planted for stay in others for trouble in stay.troubles):
        return False
    half = (spell.end - spell.start) / 2
    there = [
        stay for stay in others if min(stay.ended, spell.end) - max(stay.began, spell.start) >= half
    ]
    mine = next(stay for stay in world.stays if stay.session == problem.summary.session).values()
    members = {kind: set[str]() for kind in mine}
    for stay in there:
        for kind, value in stay.values().items():
            if value == mine[kind] and not (stay.direct and kind in _AT_A_BRIDGE):
                members[kind].add(stay.session)
    planted = members.pop(world.planted)
    return planted not in members.values()


def plans(
    base: float, kinds: Sequence[str], worlds: int, *, first: int = 0, largest: int = 600
) -> Iterator[tuple[Plan, int]]:
    """Small servers are drawn more often: they have fewer problems. `first` is the first seed."""
    for kind in kinds:
        for people, part in PEOPLE.items():
            for seed in range(max(1, round(worlds * part)) if people <= largest else 0):
                yield Plan(people, base, kind), first + seed
        for seed in range(worlds):
            yield Plan(40, base, kind, (2, 2)), first + seed


def table(rows: Iterable[Sequence[object]]) -> None:
    for at, row in enumerate(rows):
        print("| " + " | ".join(map(str, row)) + " |")
        if not at:
            print("|" + " --- |" * len(row))


def share(count: int, of: int) -> str:
    return f"{100 * count / of:.1f} %" if of else "-"


def share_of(are: Iterable[bool]) -> str:
    """The share of those that are so."""
    found = list(are)
    return share(sum(found), len(found))


def interval_of(judged: Sequence[Judged]) -> str:
    """Between what shares the share of right answers is, of all such worlds, by these.

    The problems of one world are not independent: they count as less, by how much worlds differ.
    """
    of_world: dict[int, list[bool]] = defaultdict(list)
    for item in judged:
        of_world[id(item.world)].append(item.right)
    count, worlds = len(judged), len(of_world)
    if worlds < _FEWEST_WORLDS:
        return "-"
    right = sum(map(sum, of_world.values()))
    share = right / count
    by_chance = count * share * (1 - share)
    found = sum((sum(are) - share * len(are)) ** 2 for are in of_world.values())
    independent = count / max(1.0, found / by_chance) if by_chance else float(worlds)
    low, high = wilson(share, independent, _NORMAL)
    return f"{100 * low:.0f} to {100 * high:.0f} %"


def confusion(judged: Sequence[Judged]) -> None:
    said = [*KINDS, "unclear"]
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for item in judged:
        likely = item.answer.likely
        rows[item.planted][likely.kind if likely else "unclear"] += 1
    table(
        [
            ["planted", *said],
            *(
                [kind, *(rows[kind][name] or "" for name in said)]
                for kind in (*KINDS, "nothing")
                if rows[kind]
            ),
        ]
    )


def accuracy(judged: Sequence[Judged]) -> None:
    by_kind: dict[str, list[Judged]] = defaultdict(list)
    for item in judged:
        by_kind[item.planted].append(item)
    for kind in _SMALL_GROUPS:
        for item in by_kind[kind]:
            by_kind[(_ALONE if item.alone else _TOGETHER).format(kind)].append(item)
    rows: list[Sequence[object]] = [
        [
            "planted",
            "problems",
            "top-1",
            "with ties",
            "decidable",
            "top-1 of these",
            "interval of 95 %",
            "wrongly accused",
        ]
    ]
    parts = [name.format(kind) for kind in _SMALL_GROUPS for name in (_TOGETHER, _ALONE)]
    for kind in (*KINDS, "nothing", *parts):
        items = by_kind[kind]
        if not items:
            continue
        apart = [item for item in items if item.decidable]
        rows.append(
            [
                kind,
                len(items),
                share_of(item.right for item in items),
                share_of(item.right_or_tie for item in items),
                len(apart),
                share_of(item.right for item in apart),
                interval_of(apart),
                share_of(item.accuses for item in items),
            ]
        )
    rows.append(
        [
            "all",
            len(judged),
            share_of(item.right for item in judged),
            share_of(item.right_or_tie for item in judged),
            *("", "", ""),
            share_of(item.accuses for item in judged),
        ]
    )
    table(rows)
    named = [item for item in judged if item.answer.likely is not None]
    print(
        f"\nNamed: {share(len(named), len(judged))}, of these right or in a tie with what is right"
        f" {share_of(item.right_or_tie for item in named)}"
    )


def sizes(judged: Sequence[Judged]) -> None:
    """Print how often answers are right by how many are on the server, and in the meeting."""
    rows: list[Sequence[object]] = [
        ["people", "problems", "top-1", "with ties", "wrongly accused", "named", "ms each (95 %)"]
    ]
    of_size: dict[str, list[Judged]] = defaultdict(list)
    for item in judged:
        of_size[f"server of {item.world.size:5,}"].append(item)
        limit = next(limit for limit in _MEETINGS if item.together <= limit)
        of_size[f"meeting of {_MEETINGS[limit]}"].append(item)
    for name, items in sorted(of_size.items()):
        rows.append(
            [
                name,
                len(items),
                share_of(item.right for item in items),
                share_of(item.right_or_tie for item in items),
                share_of(item.accuses for item in items),
                share_of(item.answer.likely is not None for item in items),
                _milliseconds(items),
            ]
        )
    table(rows)


def _milliseconds(judged: Sequence[Judged]) -> str:
    """The CPU time of an answer, the median and that of 95 %."""
    took = sorted(1000 * item.seconds for item in judged)
    return f"{took[len(took) // 2]:.2f} ({took[len(took) * 95 // 100]:.2f})"


def calibration(judged: Sequence[Judged]) -> float:
    """Print how often answers are right, by the probability that they give; return the error.

    Of problems with one cause: with several in turn, any of them would be right.
    """
    judged = [item for item in judged if len(item.problem.truth.causes) == 1]
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for item in judged:
        first = item.answer.causes[0]
        right = first.kind in item.kinds if first.kind in OWN else item.right
        bins[min(9, int(first.probability * 10))].append((first.probability, right))
    error = 0.0
    rows: list[Sequence[object]] = [["said", "answers", "mean said", "right"]]
    for place in sorted(bins):
        found = bins[place]
        mean = sum(said for said, _ in found) / len(found)
        right = sum(right for _, right in found) / len(found)
        error += abs(mean - right) * len(found) / len(judged)
        rows.append(
            [f"{place * 10} to {place * 10 + 10} %", len(found), f"{mean:.1%}", f"{right:.1%}"]
        )
    table(rows)
    print(f"\nExpected calibration error: {100 * error:.1f} points")
    return error


def directions(judged: Sequence[Judged]) -> None:
    """Print how often the right end of calls of two is first, named, and said to be a tie."""
    rows = [
        item
        for item in judged
        if _is_pair(item) and item.kinds & {"line", "other end", "machine", "device"}
    ]
    direct = [item for item in rows if item.problem.summary.transport == "p2p"]
    for name, items in (
        ("through a bridge", [item for item in rows if item.problem.summary.transport != "p2p"]),
        ("peer to peer, at one end", [item for item in direct if not item.mirrored]),
        ("peer to peer, the same at both ends", [item for item in direct if item.mirrored]),
    ):
        named = [item for item in items if item.answer.verdict is Verdict.LIKELY]
        print(
            f"1:1 {name}: {len(items)} problems, own or other end right"
            f" {share(sum(map(_side_right, items)), len(items))}; named {len(named)},"
            f" of those right {share(sum(map(_side_right, named)), len(named))}"
        )


def _is_pair(item: Judged) -> bool:
    room = item.problem.summary.room
    return sum(stay.room == room for stay in item.world.stays) == 2


def _side_right(item: Judged) -> bool:
    cause = item.answer.causes[0]
    return item.right or (cause.kind in OWN and item.own)


def speed(seed: int) -> None:
    """Print the CPU time of the session and the meeting of 50 with most problems, of 5,000 people.

    A bridge has an incident. As on the page of the meeting, its worst problems are explained.
    """
    world = simulate(Plan(LARGE, 0.03, "bridge", (50, 50)), seed)
    meetings: dict[str, list[Problem]] = defaultdict(list)
    sessions: dict[str, list[Problem]] = defaultdict(list)
    for problem in world.problems:
        meetings[problem.summary.room].append(problem)
        sessions[problem.summary.session].append(problem)
    since = min(summary.began for summary in world.summaries)
    until = max(summary.ended for summary in world.summaries)
    rows: list[Sequence[object]] = [["what", "problems", "ms of CPU", "the first time"]]
    rows.append(
        ["prepare 5,000 sessions", "", _fastest(lambda: Crowd(world.summaries, since, until)), ""]
    )
    crowd = Crowd(world.summaries, since, until)
    meeting = sorted(max(meetings.values(), key=len), key=_length, reverse=True)
    for name, problems in (
        ("a session", max(sessions.values(), key=len)),
        ("a meeting of 50, its page", meeting[:MOST_SPELLS]),
        ("a meeting of 50, all of it", meeting),
    ):
        records = _as_read(world.records, (problem.summary.browser_id for problem in problems))
        explain = partial(_explain, problems, crowd, records)
        rows.append([name, len(problems), _fastest(explain), _fastest(explain, _forget_tables)])
    table(rows)


def _forget_tables() -> None:
    """Empty what the model keeps of its formulas for the next problem."""
    for name, module in sys.modules.items():
        if name.startswith("jmmc.quality.causes"):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def _length(problem: Problem) -> int:
    return problem.spell.end - problem.spell.start


def _explain(problems: Iterable[Problem], crowd: Crowd, records: Records) -> None:
    for problem in problems:
        likely_causes(problem.summary, problem.spell, crowd, records)


def _fastest(work: Callable[[], object], before: Callable[[], None] = lambda: None) -> str:
    """The milliseconds of CPU that it takes, the least of a few rounds; `before` is not counted."""
    took = []
    for _ in range(ROUNDS):
        before()
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return f"{1000 * min(took):.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--worlds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--base", type=float)
    parser.add_argument("--large", type=int, default=0, help="worlds of 5,000 people for each kind")
    parser.add_argument("--largest", type=int, default=600, help="people of the largest servers")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument(
        "--planted", action="store_true", help="only the problems that the planted cause made"
    )
    parser.add_argument("--speed", action="store_true", help="measure how long answers take")
    options = parser.parse_args()
    if options.speed:
        speed(options.seed)
        return
    kinds = options.only.split(",") if options.only else [*GROUPS, ""]
    for base in (options.base,) if options.base else BASES:
        began = time.perf_counter()
        judged: list[Judged] = []
        shown: list[Shown] = []
        drawn = plans(base, kinds, options.worlds, first=options.seed, largest=options.largest)
        for plan, seed in drawn:
            found = [*judge(simulate(plan, seed), only_planted=options.planted)]
            judged += found
            shown += [] if options.planted else as_shown(found)
        for seed in range(options.seed, options.seed + options.large):
            for kind in kinds:
                world = simulate(Plan(LARGE, base, kind), seed)
                judged += judge(world, max(1, len(world.problems) // _MOST_OF_LARGE))
        if options.planted:
            print(f"\n## Base rate {base:.0%}: {len(judged)} problems of the planted cause\n")
            accuracy(judged)
            print(f"\n{time.perf_counter() - began:.0f} s", flush=True)
            continue
        report(base, judged)
        print("\nAs pages show it, each problem with the answer of its incident:\n")
        with_incidents = [item.judged for item in shown]
        accuracy(with_incidents)
        print()
        calibration(with_incidents)
        joins = Joins.of(shown)
        print(
            f"\nIn an incident of another cause: {share(joins.foreign, joins.problems)}. Of a"
            f" planted incident, but apart from it: {share(joins.apart, joins.planted)} of"
            f" {joins.planted}"
        )
        print(f"\n{time.perf_counter() - began:.0f} s", flush=True)


def report(base: float, judged: Sequence[Judged]) -> None:
    """Print all tables of one base rate."""
    print(f"\n## Base rate {base:.0%}: {len(judged)} problems\n")
    accuracy(judged)
    print()
    confusion(judged)
    print()
    calibration(judged)
    print()
    directions(judged)
    print()
    sizes(judged)


if __name__ == "__main__":
    main()
