"""One problem of one participant, and how all others were at that time."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import inf, log, pi
from operator import add
from typing import NamedTuple

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.base_rates import LOG_BASE_RATES, base_weights
from jmmc.quality.causes.crowd import Crowd, Group, Scene, Set
from jmmc.quality.causes.habits import Habit, log_hit
from jmmc.quality.causes.logarithms import NEGLIGIBLE, log_beta_binomial
from jmmc.quality.causes.records import Record, Records, log_ratios
from jmmc.quality.causes.signs import share_with, signs_of
from jmmc.quality.grading import Spell
from jmmc.quality.signs import SIGNS
from jmmc.quality.summary import Summary


class Counts(NamedTuple):
    """Others by how they were: good; with another sign, later and at once; with the same sign."""

    good: int
    other: int
    other_at_once: int
    same: int
    same_at_once: int

    @property
    def bad(self) -> int:
        """Those who had problems."""
        return sum(self) - self.good

    @property
    def at_once(self) -> int:
        """Those whose problem began or ended at the same moment."""
        return self.same_at_once + self.other_at_once


class Alike(NamedTuple):
    """How probable independent problems have the same sign, and the same moment."""

    same: float
    by_chance: float


def rounded(share: float) -> float:
    """A probability that is neither sure nor impossible; rounded, so that tables are reused."""
    return round(min(max(share, 0.02), 0.98), 2)


class Problem:
    """What is known of a problem before any cause is considered.

    `same` and `by_chance`: how probable an independent problem has a sign in common with it, and
    the same moment; `usual_alike` has both, rounded. `all`: the others who were there. `log_base`:
    the logarithm of the probability of each of `BASE_RATES`, `log_base_now` of that times the rate,
    `rate` their mean, `now` its logarithm. `usual`: the share of time with problems of everybody in
    the last days, `of_person`: what this person's record says for each of `STRENGTHS`.
    """

    def __init__(self, subject: Summary, spell: Spell, crowd: Crowd, records: Records) -> None:
        self.subject, self.spell, self.crowd, self.records = subject, spell, crowd, records
        self.signs = signs_of(spell)
        self.scene: Scene = crowd.scene(subject, spell.start, spell.end)
        self.length = max(1, spell.end - spell.start)
        self.by_chance = round(
            min(0.7, max(0.04, 4 * p.MOMENT / (self.length + p.USUAL_SECONDS))), 2
        )
        self.same = share_with(self.signs)
        self.usual_alike = Alike(rounded(self.same), rounded(self.by_chance))
        self.expected = self.signs or frozenset(SIGNS)
        self._with_expected = self.scene.with_signs(self.expected)
        self.all = self.own_problems(-1)
        base = base_weights(
            records.base_rate, self.all.bad, sum(self.all), records.base_rate is not None
        )
        self.log_base = [log(weight) if weight else -inf for weight in base]
        self.log_base_now = list(map(add, self.log_base, LOG_BASE_RATES))
        self.rate = sum(rate * weight for rate, weight in zip(p.BASE_RATES, base, strict=True))
        self._rates_for: dict[int, tuple[int, int]] = {}
        self.person = records.people.get(subject.browser_id, Record())
        self.usual = records.base_rate if records.base_rate is not None else p.BASE_RATE
        self.of_person = log_ratios(self.person, self.usual, of_person=True)
        self.meeting = next(
            (group for group in self.scene.groups if group.kind == "meeting"),
            Group("meeting", subject.room, 0),
        )
        self.now = log(self.rate)
        self.log_alike = self.log_alike_of(self.all)
        self.log_hit = 0.0
        if self.person.known:
            calls = min(self.person.known / p.CALL_SECONDS, self.person.calls)
            nats = log_hit(calls, self.person.share, min(max(self.usual, 0.003), 0.6))
            self.log_hit = min(p.MOST_RECORD, max(-p.MOST_RECORD, nats))
        self._habits = crowd.habits(self.signs)
        self._not_me = ~crowd.of_person(subject.browser_id)
        if self.scene.direct:
            self._not_me &= ~self.meeting.members
        self._all_habits = self._habits_in(-1)

    def log_alike_of(self, others: Counts) -> float:
        """What it says that some are alike for a reason that is not known, in nats.

        The logarithm of P(how alike the affected are | they are so by an unknown share) / P(the
        same | they are so by the usual one).
        """
        if not others.bad:
            return 0.0
        same = others.same + others.same_at_once
        return _log_alike(others.bad, same, self.same) + _log_alike(
            others.bad, others.at_once, self.by_chance
        )

    def base_rates_for(self, bad: int) -> tuple[int, int]:
        """The first and the end of `BASE_RATES` that are not negligible, for so many affected.

        By a base rate b each of them is at most b' / b times as probable as by b' > b.
        """
        found = self._rates_for.get(bad)
        if found is None:
            at_most = [
                nats - bad * rate for nats, rate in zip(self.log_base, LOG_BASE_RATES, strict=True)
            ]
            first, after = 0, len(at_most)
            while first < after - 1 and max(at_most[first + 1 :]) - at_most[first] > NEGLIGIBLE:
                first += 1
            while (
                after - 1 > first
                and max(self.log_base[: after - 1]) - self.log_base[after - 1] > NEGLIGIBLE
            ):
                after -= 1
            found = self._rates_for[bad] = first, after
        return found

    def habits(self, members: Set) -> tuple[Mapping[Habit, int], float]:
        """How many members had each habit; and the usual share of time, by all others.

        As far as those are many; else by the base rate.
        """
        inside = self._habits_in(members)
        weight, bad = p.ALIKE_WEIGHT, p.ALIKE_WEIGHT * self.rate * self.same
        for habit, count in self._all_habits.items():
            outside = count - inside.get(habit, 0)
            weight += outside
            bad += outside * habit.share
        return inside, bad / weight

    def _habits_in(self, members: Set) -> Mapping[Habit, int]:
        members &= self._not_me
        counts = {habit: (of_all & members).bit_count() for habit, of_all in self._habits.items()}
        return {habit: count for habit, count in counts.items() if count}

    def there(self) -> Iterable[int]:
        """The places of the others in the meeting who were there in the window."""
        me = self.subject.browser_id
        for place in self.crowd.in_room(self.subject.room):
            other = self.crowd.sessions[place]
            overlap = min(other.ended, self.spell.end) - max(other.began, self.spell.start)
            if other.browser_id != me and 2 * overlap >= self.length:
                yield place

    def counts(self, members: Set, signs: Iterable[str]) -> Counts:
        """How the members of a set were, by whether they had one of the signs."""
        return self._counts(members, self.scene.with_signs(signs), 0)

    def _counts(self, members: Set, with_signs: Set, good: int) -> Counts:
        scene = self.scene
        affected = scene.affected & members
        bad, known = affected.bit_count(), (scene.known & members).bit_count()
        if not bad:
            return Counts(good + known, 0, 0, 0, 0)
        at_once = scene.at_once & affected
        same = (with_signs & affected).bit_count()
        same_at_once = (with_signs & at_once).bit_count()
        other_at_once = at_once.bit_count() - same_at_once
        return Counts(
            good + known - bad,
            bad - same - other_at_once,
            other_at_once,
            same - same_at_once,
            same_at_once,
        )

    def own_problems(self, members: Set) -> Counts:
        """The counts without the problems that others only receive: apart from these they are good.

        Of the other end of a path nothing is known apart.
        """
        received = self.scene.secondary
        good = 0 if self.scene.direct else (members & received).bit_count()
        return self._counts(members & ~received, self._with_expected, good)


@lru_cache(maxsize=4096)
def _log_alike(bad: int, alike: int, usual: float) -> float:
    usual = min(max(usual, 0.02), 0.98)
    known = alike * log(usual) + (bad - alike) * log(1 - usual)
    return log_beta_binomial(alike, bad, usual, p.ALIKE_WEIGHT) - known


@lru_cache(maxsize=1024)
def log_length(seconds: int, *, by_chance: bool) -> float:
    """The logarithm of the density of a length."""
    if by_chance:
        return -seconds / p.CHANCE_SECONDS - log(p.CHANCE_SECONDS)
    median, deviation = p.LASTING_SECONDS
    place = (log(seconds) - log(median)) / deviation
    return -place * place / 2 - log(seconds * deviation) - log(2 * pi) / 2
