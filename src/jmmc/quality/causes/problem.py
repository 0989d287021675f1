"""One problem of one participant, and how all others were at that time."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import exp, log, pi
from operator import sub
from typing import NamedTuple

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.base_rates import LOG_BASE_RATES, log_base_weights
from jmmc.quality.causes.crowd import Crowd, Group, Scene, Set, has_begun
from jmmc.quality.causes.habits import Habit, log_hit
from jmmc.quality.causes.logarithms import NEGLIGIBLE, log_beta_binomial
from jmmc.quality.causes.records import Record, Records, log_ratios
from jmmc.quality.causes.signs import share_with, signs_of, telling
from jmmc.quality.grading import Spell
from jmmc.quality.signs import SIGNS
from jmmc.quality.summary import Summary


class Counts(NamedTuple):
    """Others by how they were: good; with another sign; with the same sign.

    Problems began and ended at other moments than the participant's, did one of it at the same
    moment, or both.
    """

    good: int
    other: int
    other_at_one: int
    other_at_both: int
    same: int
    same_at_one: int
    same_at_both: int

    @property
    def bad(self) -> int:
        """Those who had problems."""
        return sum(self) - self.good

    @property
    def with_sign(self) -> int:
        """Those with the same sign."""
        return self.same + self.same_at_one + self.same_at_both

    @property
    def at_both(self) -> int:
        """Those whose problem began and ended at the same moments."""
        return self.same_at_both + self.other_at_both

    @property
    def at_once(self) -> int:
        """Those whose problem began or ended at the same moment."""
        return self.at_both + self.same_at_one + self.other_at_one


class Alike(NamedTuple):
    """How probable problems have the same sign, one moment in common, and then both of them."""

    same: float
    at_once: float
    at_both: float

    def with_moments(self, moments: int, usual: "Alike") -> "Alike":
        """The same where only so many moments can be in common: else as usual."""
        return self._replace(
            at_once=self.at_once if moments else usual.at_once,
            at_both=self.at_both if moments == 2 else usual.at_both,
        )


class Basis(NamedTuple):
    """What the members of all groups are compared with, for one problem.

    How independent problems are alike; the number of moments that others can have in common with
    the problem; the logarithm of the probability of each of `BASE_RATES`, and of their mean.
    """

    usual: Alike
    moments: int
    log_base: tuple[float, ...]
    now: float

    def rates_for(self, bad: int) -> tuple[int, int]:
        """The first and the end of `BASE_RATES` that are not negligible, for so many affected.

        By a base rate b each of them is at most b' / b times as probable as by b' > b.
        """
        return _rates_for(self.log_base, bad)


@lru_cache(maxsize=4096)
def _rates_for(log_base: Sequence[float], bad: int) -> tuple[int, int]:
    at_most = [nats - bad * rate for nats, rate in zip(log_base, LOG_BASE_RATES, strict=True)]
    first, after = 0, len(at_most)
    while first < after - 1 and max(at_most[first + 1 :]) - at_most[first] > NEGLIGIBLE:
        first += 1
    while after - 1 > first and max(log_base[: after - 1]) - log_base[after - 1] > NEGLIGIBLE:
        after -= 1
    return first, after


def rounded(share: float) -> float:
    """A probability that is neither sure nor impossible; rounded, so that tables are reused."""
    return round(min(max(share, 0.02), 0.98), 2)


class Problem:
    """What is known of a problem before any cause is considered.

    `same`, `by_chance` and `both_by_chance`: how probable an independent problem has a sign in
    common with it, one moment, and then both; `moments` is how many others can have in common.
    `all`: the others who were there. `rate`: the mean base rate, `now` its logarithm; `basis`: what
    the members of groups are compared with. `usual`: the share of time with problems of everybody
    in the last days, `of_person`: what this person's record says for each of `STRENGTHS`.
    """

    def __init__(self, subject: Summary, spell: Spell, crowd: Crowd, records: Records) -> None:
        self.subject, self.spell, self.crowd, self.records = subject, spell, crowd, records
        self.signs = signs_of(spell)
        self.scene: Scene = crowd.scene(subject, spell.start, spell.end)
        self.length = max(1, spell.end - spell.start)
        # A problem that came with the call, or left with it, has no such moment in common.
        self.moments = has_begun(subject, spell.start) + (spell.end < subject.ended)
        near = 2 * p.MOMENT * max(1, self.moments)
        self.by_chance = round(min(0.7, max(0.04, near / (self.length + p.USUAL_SECONDS))), 2)
        self.both_by_chance = p.AT_BOTH_BY_CHANCE if self.moments == 2 else 0.0
        self.same = share_with(self.signs)
        self.expected = self.signs or frozenset(SIGNS)
        self._with_expected = self.scene.with_signs(self.expected)
        self.all = self.own_problems(-1)
        if self.all.at_once > p.MANY_AT_ONCE:
            self.moments, self.both_by_chance = min(1, self.moments), 0.0
            self.all = self.own_problems(-1)
        log_base = log_base_weights(
            records.base_rate,
            self.all.bad,
            sum(self.all),
            has_record=records.base_rate is not None,
        )
        self.rate = sum(
            rate * exp(weight) for rate, weight in zip(p.BASE_RATES, log_base, strict=True)
        )
        self.person = records.people.get(subject.browser_id, Record())
        self.usual = records.base_rate if records.base_rate is not None else p.BASE_RATE
        self.of_person = log_ratios(self.person, self.usual, of_person=True)
        self.meeting = next(
            (group for group in self.scene.groups if group.kind == "meeting"),
            Group("meeting", subject.room, 0),
        )
        self.now = log(self.rate)
        usual = Alike(*map(rounded, (self.same, self.by_chance, self.both_by_chance)))
        self.basis = Basis(usual, self.moments, log_base, self.now)
        self.log_alike = self.log_alike_of(self.all)
        self.log_hit = 0.0
        if self.person.known:
            calls = min(self.person.known / p.CALL_SECONDS, self.person.calls)
            nats = log_hit(calls, self.person.share, min(max(self.usual, 0.003), 0.6))
            self.log_hit = min(p.MOST_RECORD, max(-p.MOST_RECORD, nats))
        habitual = telling(self.signs)
        self._habits, self._habitual = crowd.habits(habitual), share_with(habitual)
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
        return (
            _log_alike(others.bad, others.with_sign, self.same)
            + _log_alike(others.bad if self.moments else 0, others.at_once, self.by_chance)
            + _log_alike(
                others.at_once if self.moments > 1 else 0, others.at_both, self.both_by_chance
            )
        )

    def log_moments(self, others: Set) -> float:
        """What it says for one cause of this problem and of others' that they began or ended at the
        same moments, in nats.
        """
        at_once, at_both = self.scene.at_once & others, self.scene.at_both & others
        if not self.moments:
            return 0.0
        if not at_once:
            return log((1 - p.AT_ONCE) / (1 - self.by_chance))
        once = log(p.AT_ONCE / self.by_chance)
        if self.moments == 1:
            return once
        if not at_both:
            return once + log((1 - p.AT_BOTH) / (1 - self.both_by_chance))
        return once + log(p.AT_BOTH / self.both_by_chance)

    def habits(self, members: Set) -> tuple[Mapping[Habit, int], float]:
        """How many members had each habit; and the usual share of time, by all others.

        As far as those are many; else by the base rate.
        """
        inside = self._habits_in(members)
        weight, bad = p.ALIKE_WEIGHT, p.ALIKE_WEIGHT * self.rate * self._habitual
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

    def own_problems_outside(self, members: Set, inside: Counts) -> Counts:
        """The counts of those who are not members; `inside` are those of the members.

        What the other end of a member's path measures is that member's problem.
        """
        if not self.scene.mirrored:
            return Counts(*map(sub, self.all, inside))
        others = ~members
        for first, second in self.scene.mirrored:
            if members & (first | second):
                others &= ~(first | second)
        return self.own_problems(others)

    def _counts(self, members: Set, with_signs: Set, good: int) -> Counts:
        scene = self.scene
        affected = scene.affected & members
        bad, known = affected.bit_count(), (scene.known & members).bit_count()
        if not bad:
            return Counts(good + known, 0, 0, 0, 0, 0, 0)
        at_once = scene.at_once & affected
        at_both = scene.at_both & affected if self.moments > 1 else 0
        with_sign = with_signs & affected
        of_same = _at_moments(with_sign, at_once & with_sign, at_both & with_sign)
        of_all = _at_moments(affected, at_once, at_both)
        neither, either, both = map(sub, of_all, of_same)
        return Counts(good + known - bad, neither, either, both, *of_same)

    def own_problems(self, members: Set) -> Counts:
        """The counts without the problems that others only receive: apart from these they are good.

        Of the other end of a path nothing is known apart; both ends of a path count once.
        """
        for first, second in self.scene.mirrored:
            if members & first:
                members &= ~second
        received = self.scene.secondary
        good = 0 if self.scene.direct else (members & received).bit_count()
        return self._counts(members & ~received, self._with_expected, good)


def _at_moments(members: Set, at_once: Set, at_both: Set) -> tuple[int, int, int]:
    """How many of a set are at no moment, at one, and at both."""
    once, both = at_once.bit_count(), at_both.bit_count()
    return members.bit_count() - once, once - both, both


@lru_cache(maxsize=4096)
def _log_alike(bad: int, alike: int, usual: float) -> float:
    if not bad:
        return 0.0
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
