"""One problem of one participant, and how all others were at that time."""

from collections.abc import Iterable
from functools import lru_cache
from math import inf, log, pi
from operator import add
from typing import NamedTuple

from jmmc.quality.causes import parameters as p
from jmmc.quality.causes.base_rates import LOG_BASE_RATES, base_weights
from jmmc.quality.causes.crowd import Crowd, Group, Scene, Set, places
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


class Problem:
    """What is known of a problem before any cause is considered.

    `same` and `by_chance`: how probable an independent problem has a sign in common with it, and
    the same moment. `all`: the others who were there. `log_base`: the logarithm of the probability
    of each of `BASE_RATES`, `log_base_now` of that times the rate, `rate` their mean, `now` its
    logarithm. `usual`: the share of time with problems of everybody in the last days, `of_person`:
    what this person's record says for each of `STRENGTHS`.
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
        self.expected = self.signs or frozenset(SIGNS)
        self.all = self.own_problems(-1)
        base = base_weights(
            records.base_rate, self.all.bad, sum(self.all), records.base_rate is not None
        )
        self.log_base = [log(weight) if weight else -inf for weight in base]
        self.log_base_now = list(map(add, self.log_base, LOG_BASE_RATES))
        self.rate = sum(rate * weight for rate, weight in zip(p.BASE_RATES, base, strict=True))
        self.person = records.people.get(subject.browser_id, Record())
        self.usual = records.base_rate if records.base_rate is not None else p.BASE_RATE
        self.of_person = log_ratios(self.person, self.usual, of_person=True)
        self.now = log(self.rate)
        self.meeting = next(
            (group for group in self.scene.groups if group.kind == "meeting"),
            Group("meeting", subject.room, 0),
        )

    def there(self) -> Iterable[int]:
        """The places of the others in the meeting who were there in the window."""
        members = self.meeting.members
        me = self.subject.browser_id
        for place in places(members):
            other = self.crowd.sessions[place]
            overlap = min(other.ended, self.spell.end) - max(other.began, self.spell.start)
            if other.browser_id != me and 2 * overlap >= self.length:
                yield place

    def counts(self, members: Set, signs: Iterable[str]) -> Counts:
        """How the members of a set were, by whether they had one of the signs."""
        scene = self.scene
        known, affected = scene.known & members, scene.affected & members
        same = scene.with_signs(signs) & affected
        other = affected & ~same
        at_once = scene.at_once
        return Counts(
            (known & ~affected).bit_count(),
            (other & ~at_once).bit_count(),
            (other & at_once).bit_count(),
            (same & ~at_once).bit_count(),
            (same & at_once).bit_count(),
        )

    def own_problems(self, members: Set) -> Counts:
        """The counts without the problems that others only receive: apart from these they are good.

        Of the other end of a path nothing is known apart.
        """
        received = self.scene.secondary
        if self.scene.direct:
            return self.counts(members & ~received, self.expected)
        counts = self.counts(members & ~received, self.expected)
        return counts._replace(good=counts.good + (members & received).bit_count())


@lru_cache(maxsize=1024)
def log_length(seconds: int, *, by_chance: bool) -> float:
    """The logarithm of the density of a length."""
    if by_chance:
        return -seconds / p.CHANCE_SECONDS - log(p.CHANCE_SECONDS)
    median, deviation = p.LASTING_SECONDS
    place = (log(seconds) - log(median)) / deviation
    return -place * place / 2 - log(seconds * deviation) - log(2 * pi) / 2
