"""The joins of an hour, by the values of each dimension."""

from collections import Counter
from collections.abc import Sequence
from itertools import chain

from jmmc.quality.joins import STEPS, JoinOutcome, JoinSums
from jmmc.quality.sketch import bucket_of
from jmmc.quality.summary import Setup

_WHOLE = len(STEPS)  # The place of `Setup.whole`, behind its steps.
_PLACES = _WHOLE + 1


class HourJoins:
    """Counts outcomes by the values of several dimensions, and of some the steps of joins.

    `with_steps` says of each dimension whether its steps are counted. Until one is separated, it
    has the sums of the first one. What is counted is collected as numbers, which are counted at the
    end: that is quicker than by dimension and outcome.
    """

    def __init__(self, with_steps: Sequence[bool]) -> None:
        self._with_steps = with_steps
        self._numbers: dict[JoinOutcome, int] = {}
        self._outcomes: list[dict[str, list[int]]] = [{}] * len(with_steps)
        self._lengths: list[dict[str, list[Sequence[int]]]] = [{}] * len(with_steps)

    def separate(self, place: int) -> None:
        """Let a dimension have values of its own from now on."""
        self._outcomes[place] = {key: [*numbers] for key, numbers in self._outcomes[0].items()}
        self._lengths[place] = {key: [*lengths] for key, lengths in self._lengths[0].items()}

    def add(
        self, outcome: JoinOutcome, places: Sequence[int], values: Sequence[str], setup: Setup
    ) -> None:
        """Add an outcome without its setup, which is given apart.

        `places` are the first one and those that were separated; `values` has one of each
        dimension, at that moment.
        """
        number = self._numbers.setdefault(outcome, len(self._numbers))
        for place in places:
            self._outcomes[place].setdefault(values[place], []).append(number)
        if outcome.counts.joined and (lengths := _lengths((*setup.steps, setup.whole))):
            for place in places:
                self._lengths[place].setdefault(values[place], []).append(lengths)

    def sums(self) -> list[dict[str, JoinSums]]:
        """The sums by value, of each dimension."""
        outcomes = [*self._numbers]
        found = []
        for numbers_by_value, lengths_by_value, with_steps in zip(
            self._outcomes, self._lengths, self._with_steps, strict=True
        ):
            sums: dict[str, JoinSums] = {}
            for value, numbers in numbers_by_value.items():
                counted = Counter(numbers)
                sums[value] = JoinSums.of({outcomes[key]: counted[key] for key in counted})
                _add_lengths(sums[value], lengths_by_value.get(value, ()), with_steps=with_steps)
            found.append(sums)
        return found


def _lengths(lengths: Sequence[int | None]) -> list[int]:
    """Each known length (ms) as a number that has its bucket and its place."""
    return [
        bucket_of(length) * _PLACES + place
        for place, length in enumerate(lengths)
        if length is not None
    ]


def _add_lengths(sums: JoinSums, lengths: Sequence[Sequence[int]], *, with_steps: bool) -> None:
    for number, times in Counter(chain.from_iterable(lengths)).items():
        bucket, place = divmod(number, _PLACES)
        if place == _WHOLE:
            sums.setup[bucket] = times
        elif with_steps:
            sums.steps.setdefault(STEPS[place], {})[bucket] = times
