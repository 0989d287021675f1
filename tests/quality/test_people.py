"""Distinct people: exact by digests, and estimated by sketches within their stated error."""

import random

import pytest

from jmmc.quality.people import (
    STANDARD_ERROR,
    digest_of,
    estimate,
    pack_digests,
    sketch_of,
    unpack_digests,
)


@pytest.mark.parametrize("people", [1, 10, 300, 4_000, 12_000, 60_000])
def test_an_estimate_is_within_its_stated_error(people: int) -> None:
    """Of 20 estimates the root mean square error is at most a third above the stated one."""
    chance = random.Random(people)
    errors = []
    for _ in range(20 if people < 20_000 else 5):
        digests = [chance.getrandbits(64) for _ in range(people)]
        errors.append(estimate([sketch_of(digests)]) / people - 1)
    mean_square = sum(error * error for error in errors) / len(errors)
    assert mean_square**0.5 <= STANDARD_ERROR * 1.34


def test_sketches_of_parts_give_what_one_of_all_gives() -> None:
    digests = [digest_of(f"person {number}") for number in range(3000)]
    parts = [sketch_of(digests[:2000]), sketch_of(digests[1000:])]
    assert estimate(parts) == estimate([sketch_of(digests)])


def test_nobody_is_estimated_as_nobody() -> None:
    assert estimate([sketch_of([])]) == 0


def test_digests_are_packed_in_eight_bytes_each() -> None:
    digests = [digest_of("b"), digest_of("a")]
    assert list(unpack_digests(pack_digests(digests))) == sorted(digests)
    assert len(pack_digests(digests)) == 16
