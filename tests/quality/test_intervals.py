"""Confidence intervals of shares of time from sums by group of persons and of meetings."""

from typing import Any

import msgspec
import pytest

from jmmc.quality.grading import Grade
from jmmc.quality.intervals import GROUPS, Replicates, groups_of, interval

_DAY = 86_400


def _replicates(*parts: tuple[int, int, int, int, int]) -> Replicates:
    """From the group of the person, that of the meeting, known, fair and poor seconds."""
    replicates = Replicates()
    for person, meeting, known, fair, poor in parts:
        replicates.add((person, meeting), known, fair, poor)
    return replicates


def test_groups_are_those_of_a_digest_that_never_changes() -> None:
    assert groups_of("123456789", "", 0)[0] == 0xFB % GROUPS, "`printf 123456789 | b2sum -l 8`"
    assert groups_of("\udc80", "\udc80", 0) == groups_of("\udc80", "\udc80", _DAY - 1)


def test_names_in_sequence_are_spread_as_unevenly_as_by_chance() -> None:
    """Even groups would look like countless clusters. Chi-square has a mean of 15 here."""
    for prefix in ("", "room ", "2026-"):
        counts = [0] * GROUPS
        for number in range(800):
            counts[groups_of(f"{prefix}{number}", "", 0)[0]] += 1
        assert 5 < sum((count - 50) ** 2 / 50 for count in counts) < 35


def test_sessions_of_a_person_share_a_group_as_do_those_in_a_room_on_one_day() -> None:
    persons = {groups_of("someone", f"room {number}", number * _DAY)[0] for number in range(99)}
    assert len(persons) == 1
    meetings = {groups_of(f"person {number}", "room", _DAY + number)[1] for number in range(99)}
    assert len(meetings) == 1
    days = {groups_of("someone", "room", number * _DAY)[1] for number in range(99)}
    assert days == set(range(GROUPS))
    rooms = {groups_of("someone", f"room {number}", 0)[1] for number in range(99)}
    assert rooms == set(range(GROUPS))


def _near(low: float, high: float) -> Any:
    """Ends that are given with four places."""
    return pytest.approx((low, high), abs=0.00005)


def test_the_interval_is_that_computed_by_hand() -> None:
    """Four persons, each in a meeting of their own, with 50 bad seconds of 400.

    p = 1/8. e = 37.5 and three times -12.5; V = 15/16 (37.5² + 3 · 12.5²) / 300² = 0.01953125 and
    n = p(1 - p)/V = 5.6. c = (15/16) / (1/4 - 1/16) = 5, m = 1 / (0.58333 - 3/18) = 2.4, so the
    bound of n is 5 + 2.4² (3/2 + 5/50) = 14.2. For z there is 1.95996 + 0.17149 · 1.4/8 = 1.98997,
    and Wilson with n = 5.6: 0.28033 ± 0.26350.
    """
    others = [(group, group, 100, 0, 0) for group in (1, 2, 3)]
    assert interval(_replicates((0, 0, 100, 0, 50), *others), Grade.POOR) == _near(0.0168, 0.5438)
    mixed = _replicates((0, 0, 100, 30, 20), *others)
    assert interval(mixed, Grade.FAIR) == _near(0.0168, 0.5438)
    assert interval(mixed, Grade.POOR) != _near(0.0168, 0.5438)


def test_a_few_clusters_with_problems_do_not_narrow_the_interval_beyond_the_bound() -> None:
    """Groups of 100 s, all with 10 bad seconds but one with 11: V is nearly 0.

    c = (15/16) / 0.00001, its largest. m = 1 / (0.879 - 3/18) = 1.4, so that n is at most 1.04 c.
    Of two groups c = (15/16) / (1/2 - 1/16) = 15/7 and m = 1 / (1/2 - 3/18) = 3, so that n is at
    most 15/7 + 9 (3/2 + 15/350) = 16.03: Wilson 0.18136 ± 0.15492 with p = 0.105 and the normal z.
    """
    many = _replicates(*((group, group, 100, 0, 10 + (group == 0)) for group in range(GROUPS)))
    low, high = interval(many, Grade.POOR) or (0, 0)
    assert high - low < 0.005
    pair = _replicates((0, 0, 100, 0, 10), (1, 1, 100, 0, 11))
    assert interval(pair, Grade.POOR) == _near(0.0264, 0.3363)


def test_without_bad_time_a_cluster_counts_as_one_observation() -> None:
    """Of four equal clusters c = 5, and Wilson's upper limit of none is z² / (c + z²)."""
    good = _replicates(*((group, group, 100, 0, 0) for group in range(4)))
    assert interval(good, Grade.POOR) == _near(0.0, 0.4345)
    bad = _replicates(*((group, group, 100, 60, 40) for group in range(4)))
    assert interval(bad, Grade.FAIR) == _near(0.5655, 1.0)


def test_the_fewer_of_persons_and_meetings_decide() -> None:
    spread = [(group % 16, group % 16, 100, 0, 50 * (group % 4 == 0)) for group in range(64)]
    one_person = [(3, meeting, known, fair, poor) for _, meeting, known, fair, poor in spread]
    one_meeting = [(person, 3, known, fair, poor) for person, _, known, fair, poor in spread]
    widths = []
    for parts in (spread, one_person, one_meeting):
        low, high = interval(_replicates(*parts), Grade.POOR) or (0, 0)
        assert low <= 0.125 <= high
        widths.append(high - low)
    assert widths[0] < 0.3 < 0.6 < widths[1] == widths[2]


def test_the_variance_is_the_larger_one_of_persons_and_of_meetings() -> None:
    """In half of the meetings all is poor, in the others nothing; each person is in all of them.

    Persons do not differ, so m = 1 / (1 - 3/18) = 1.2, and z is 1.95996 + 0.17149 · 0.2/8.
    """
    grid = [(p, 8 * (m % 2) + m // 2, 100, 0, 100 * (m % 2)) for p in range(16) for m in range(16)]
    by_meeting = interval(_replicates(*grid), Grade.POOR)
    turned = _replicates(*((meeting, person, *rest) for person, meeting, *rest in grid))
    assert interval(turned, Grade.POOR) == by_meeting
    low, high = by_meeting or (0, 0)
    assert (low, high) == pytest.approx(_wilson(0.5, 1 / (_jackknife(16) * 4)), abs=1e-4)


def test_an_interval_of_good_and_bad_time_is_mirrored() -> None:
    parts = [(g, (5 * g) % 16, 100 + 17 * g, 0, (g * g) % 90) for g in range(16)]
    mirrored = [(p, m, known, 0, known - poor) for p, m, known, _, poor in parts]
    low, high = interval(_replicates(*parts), Grade.POOR) or (0, 0)
    assert interval(_replicates(*mirrored), Grade.POOR) == pytest.approx((1 - high, 1 - low))


def test_without_known_time_there_is_no_interval() -> None:
    assert interval(Replicates(), Grade.POOR) is None
    assert interval(Replicates(), Grade.FAIR) is None


def test_a_single_second_has_an_interval() -> None:
    for poor in (0, 1):
        low, high = interval(_replicates((0, 0, 1, 0, poor)), Grade.POOR) or (0, 0)
        assert 0 <= low <= poor <= high <= 1
        assert high - low > 0.75


def test_sums_of_hours_add_up_to_those_of_a_day_in_any_form() -> None:
    whole, hours = Replicates(), [Replicates() for _ in range(24)]
    for number in range(500):
        groups = groups_of(f"person {number % 90}", f"room {number % 40}", 0)
        seconds = number * 7 % 1800, number % 5, number % 3
        whole.add(groups, *seconds)
        hours[number % 24].add(groups, *seconds)
    day = Replicates()
    for hour in hours:
        stored = msgspec.json.encode(hour.pack())
        day.add_packed(msgspec.json.decode(stored, type=tuple[int, ...]))
    assert day == whole
    assert len(day.pack()) == 6 * GROUPS


def test_few_sums_are_packed_as_pairs_and_never_as_more_than_all_numbers() -> None:
    assert Replicates().pack() == ()
    session = _replicates((3, 11, 1800, 0, 60))
    assert session.pack() == (3, 1800, 35, 60, 59, 1800, 91, 60)
    for count in range(GROUPS * 6 + 1):
        sums = Replicates([1] * count + [0] * (GROUPS * 6 - count))
        packed = sums.pack()
        assert len(packed) == min(2 * count, 6 * GROUPS)
        unpacked = Replicates()
        unpacked.add_packed(packed)
        unpacked.add_packed(())
        assert unpacked == sums


def _wilson(share: float, size: float) -> tuple[float, float]:
    t = 1.96425
    middle = (share + t * t / (2 * size)) / (1 + t * t / size)
    half = t * (share * (1 - share) / size + t * t / (4 * size * size)) ** 0.5 / (1 + t * t / size)
    return middle - half, middle + half


def _jackknife(groups: int) -> float:
    """The variance where each of equal groups is all good or all poor, as many of each."""
    return (groups - 1) / groups * groups * (0.5 / (groups - 1)) ** 2
