"""How often intervals of mean ratings, and of their correlation with grades, contain the truth.

    python bench/ratings.py [SAMPLES]

Simulated people have a mood, which all their ratings share, and a line; a rating follows from the
mood, chance and the bad time of the call. The truth is that of very many people.
"""

import random
import sys
from collections.abc import Iterator

from jmmc.quality.ratings import RatedSession, agreement_of, ratings_of

PEOPLE = (5, 10, 30, 100)
MOODS = ((3.5, 0.5, 1), (4.2, 0.8, 4), (4.8, 0.5, 4), (3.0, 1.2, 6))
"""Mean rating, standard deviation between people, most calls of a person."""
LINKS = (0.0, 2.0, 5.0)
"""By how much a call that was bad all the time is rated lower."""


def mood_ratings(chance: random.Random, people: int, mood: tuple[float, float, int]) -> Iterator:
    middle, spread, most = mood
    for person in range(people):
        own = chance.gauss(middle, spread)
        for _ in range(chance.randint(1, most)):
            yield f"person {person}", _rating(chance.gauss(own, 0.8))


def rated_calls(
    chance: random.Random, people: int, link: float, most: int
) -> Iterator[RatedSession]:
    for person in range(people):
        own, line = chance.gauss(0, 0.6), chance.random() ** 2
        for _ in range(chance.randint(1, most)):
            bad = min(1.0, line * chance.random() * 1.5) if chance.random() < 0.6 else 0.0
            poor = int(1000 * bad)
            rating = _rating(4.5 - link * bad + own + chance.gauss(0, 0.7))
            yield RatedSession(f"person {person}", rating, 1000 - poor, 0, poor, "good")


def mean_coverage(people: int, mood: tuple[float, float, int], samples: int) -> float:
    chance = random.Random(people)
    truth = ratings_of((f"{n}", r) for n, (_, r) in enumerate(mood_ratings(chance, 40_000, mood)))
    hits = 0
    for _ in range(samples):
        low, high = ratings_of(mood_ratings(chance, people, mood)).interval or (1.0, 5.0)
        hits += low <= (truth.mean or 0) <= high
    return hits / samples


def correlation_coverage(people: int, link: float, most: int, samples: int) -> float:
    chance = random.Random(people)
    truth = agreement_of([*rated_calls(chance, 20_000, link, most)]).correlation or 0.0
    hits = known = 0
    for _ in range(samples):
        if interval := agreement_of([*rated_calls(chance, people, link, most)]).interval:
            known += 1
            hits += interval[0] <= truth <= interval[1]
    return hits / known


def _rating(value: float) -> int:
    return min(5, max(1, round(value)))


def main() -> None:
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    for mood in MOODS:
        row = (f"{mean_coverage(people, mood, samples):.1%}" for people in PEOPLE)
        print(f"mean {mood}, of {PEOPLE} people:", *row)
    for link in LINKS:
        row = (
            f"{correlation_coverage(people, link, most, samples // 4):.1%}"
            for people, most in ((40, 1), (60, 4), (300, 4))
        )
        print(f"correlation, link {link}, of 40, 60 and 300 people:", *row)


if __name__ == "__main__":
    main()
