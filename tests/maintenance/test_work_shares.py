"""Collectors on one store share the rooms: each partition has one owner, also when some die."""

import random

import pytest

from jmmc.core.partitions import PARTITIONS
from jmmc.maintenance.work_shares import ShareTable
from jmmc.stores import CLOCK_SKEW

_NOW = 1_800_000_000


def _turns(table: ShareTable, members: str, now: int = _NOW) -> ShareTable:
    """Each member's turn, the first one leads."""
    for member in members:
        table = table.turn(member, now, leads=member == members[0], may_share=True)
    return table


def _sizes(table: ShareTable, members: str) -> list[int]:
    return [len(table.owned_by(member)) for member in members]


def test_a_lone_collector_owns_everything_at_once() -> None:
    assert _sizes(_turns(ShareTable(), "a"), "a") == [PARTITIONS]


@pytest.mark.parametrize(("members", "most"), [("ab", 32), ("abc", 22), ("abcdefg", 10)])
def test_collectors_that_join_have_equal_shares_after_two_turns(members: str, most: int) -> None:
    table = _turns(ShareTable(), "a")
    for _ in range(2):
        table = _turns(table, members)
    assert max(_sizes(table, members)) == most
    assert sum(_sizes(table, members)) == PARTITIONS
    assert _turns(table, members) == table, "nobody moves any more"


def test_what_a_collector_owns_is_taken_by_nobody_else_while_it_is_there() -> None:
    """Clocks differ by less than the skew; whoever acts does so within ten seconds of its turn."""
    chance = random.Random(7)
    table, acting = ShareTable(), dict[str, tuple[float, frozenset[int]]]()
    skew = {member: chance.uniform(0, CLOCK_SKEW - 1) for member in "abcdef"}
    now = float(_NOW)
    for _ in range(4000):
        now += chance.uniform(0, 2)
        member = chance.choice("abcdef"[: 1 + int(now / 600) % 6])
        table = table.turn(
            member, int(now + skew[member]), leads=member == "a", may_share=now > _NOW + 300
        )
        acting[member] = now, table.owned_by(member)
        fresh = [owned for at, owned in acting.values() if now - at < 10]
        assert sum(map(len, fresh)) == len(frozenset().union(*fresh))


def test_a_collector_that_leads_and_upgrades_gets_everything_back() -> None:
    table = _turns(_turns(_turns(ShareTable(), "abc"), "abc"), "abc")
    table = table.turn("a", _NOW, leads=True, may_share=False)
    table = table.turn("b", _NOW, leads=False, may_share=True)
    assert _sizes(table, "abc")[1] == 0
    table = table.turn("c", _NOW, leads=False, may_share=True)
    assert _sizes(table.turn("a", _NOW, leads=True, may_share=False), "abc") == [PARTITIONS, 0, 0]


def test_a_time_of_a_wrong_clock_holds_nothing() -> None:
    table = ShareTable({"lost": _NOW + 10_000}, ("lost",) * PARTITIONS, shared=True)
    assert _sizes(_turns(table, "a"), "a") == [PARTITIONS]
