"""The clock is watched over the restarts of a collector."""

from jmmc.maintenance.clock_guard import ClockGuard
from jmmc.maintenance.clock_trust import DAY
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import push, sample

_NOW = 1_800_000_000


def _guard(store: SqliteStore, days_ahead: int) -> ClockGuard:
    return ClockGuard(store, clock=lambda: _NOW + days_ahead * DAY, monotonic=lambda: 100)


async def test_a_second_start_with_a_wrong_clock_is_not_taken_in_by_sessions_of_the_first(
    store: SqliteStore,
) -> None:
    """Nor by those of another collector that runs by the same clock."""
    await store.append([push(samples=(sample(0, ts=_NOW - DAY),))])
    await _guard(store, 0).check_point()
    for days, session in ((40, "a" * 24), (41, "b" * 24)):
        guard = _guard(store, days)
        assert not await guard.trusts()
        await guard.check_point()
        later = push(samples=(sample(0, ts=_NOW + days * DAY),), session=session)
        await store.append([later])
    assert await _guard(store, 0).trusts()
