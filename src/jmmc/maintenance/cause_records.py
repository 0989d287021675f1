"""Reads the records of the days before a time, by which likely causes are told apart."""

from collections.abc import Collection, Iterable
from functools import partial

from jmmc.core.label_values import browser_family
from jmmc.maintenance.threads import in_background
from jmmc.quality.causes import Records
from jmmc.quality.causes.records import Record, record_of_calls, record_of_sums
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.rollups import ALL, DAY, Rollup, by_value, total
from jmmc.quality.summary import Summary
from jmmc.stores import Reports

_DAYS = 3  # Whole days, in UTC: rollups of a day may have thousands of networks.
_DAYS_OF_PEOPLE = 7
MOST_PEOPLE = 8
"""People whose own calls are read; more of them tell nothing (`bench/verdicts.py`)."""
_MOST_CALLS = 12
_KINDS = ("network", "provider", "bridge", "region", "browser", "os", "transport")


async def read_records(
    reports: Reports,
    subjects: Collection[Summary],
    people: Iterable[str],
    began: int,
    *,
    most_people: int = MOST_PEOPLE,
) -> Records:
    """The records before `began`: of all, of the groups of `subjects`, of the first few `people`.

    Calls of people count up to the end of what is stored, but those of `subjects`.
    """
    until = began - began % DAY
    since = until - _DAYS * DAY
    everybody = await reports.rollups(ALL, DAY, since, until)
    of_all = Record()
    for sums in by_value(everybody).values():
        of_all = record_of_sums(total(sums, since))
    groups: dict[tuple[str, str], Record] = {}
    for kind in _KINDS if of_all.known else ():
        values = {value for summary in subjects for value in summary.values_of(kind) if value}
        if kind == "browser":
            values |= set(map(browser_family, values))
        for rollup in await reports.rollups(kind, DAY, since, until):
            await in_background(partial(_add, groups, kind, values, rollup))
    found: dict[str, Record] = {}
    ids = {summary.session for summary in subjects}
    for browser_id in [*dict.fromkeys(people)][:most_people]:
        calls = await reports.summaries(
            SummaryFilter(browser_id=browser_id, since=began - _DAYS_OF_PEOPLE * DAY),
            limit=_MOST_CALLS,
        )
        record = record_of_calls(call for call in calls if call.session not in ids)
        if record.known:
            found[browser_id] = record
    return Records(of_all, groups, found)


def _add(
    groups: dict[tuple[str, str], Record],
    kind: str,
    values: Collection[str],
    rollup: Rollup,
) -> None:
    """Add what a day says of the values; of a browser without its version, all versions."""
    for value, sums in rollup.values.items():
        names = {value, browser_family(value)} if kind == "browser" else {value}
        for name in names:
            if name in values:
                day = record_of_sums(total(sums, rollup.start))
                before = groups.get((kind, name), Record())
                groups[kind, name] = Record(
                    before.known + day.known, before.bad + day.bad, before.calls + day.calls
                )
