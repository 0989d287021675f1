"""Days, weeks and months where clocks change, also at midnight; the moments are from tzdata."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from jmmc.core.calendar import Calendar, Period


def _unix(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp())


@pytest.mark.parametrize(
    ("zone", "period", "begins", "ends"),
    [
        # At 03:00 the clocks of Paris go back to 02:00, on a Sunday; at 02:00 forward to 03:00.
        ("Europe/Paris", "day", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("Europe/Paris", "week", "2026-10-18T22:00", "2026-10-25T23:00"),
        ("Europe/Paris", "month", "2026-09-30T22:00", "2026-10-31T23:00"),
        ("Europe/Paris", "day", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("Europe/Paris", "month", "2026-02-28T23:00", "2026-03-31T22:00"),
        # At 00:00 those of Beirut go forward to 01:00: the day begins at 01:00.
        ("Asia/Beirut", "day", "2026-03-28T22:00", "2026-03-29T21:00"),
        # At 24:00 they go back to 23:00 of the same day.
        ("Asia/Beirut", "day", "2026-10-23T21:00", "2026-10-24T22:00"),
        # In Havana it is 00:00 twice on the day on which they go back at 01:00.
        ("America/Havana", "day", "2026-11-01T04:00", "2026-11-02T05:00"),
        ("America/Havana", "month", "2026-11-01T04:00", "2026-12-01T05:00"),
        # Half an hour back.
        ("Australia/Lord_Howe", "day", "2026-04-04T13:00", "2026-04-05T13:30"),
    ],
)
def test_a_period_lasts_from_its_first_second_to_its_last(
    zone: str, period: Period, begins: str, ends: str
) -> None:
    calendar = Calendar(period, ZoneInfo(zone))
    bounds = (_unix(begins), _unix(ends))
    for second in (bounds[0], sum(bounds) // 2, bounds[1] - 1):
        assert calendar.at(second) == bounds
    assert calendar.at(bounds[0] - 1)[1] == bounds[0]
    assert calendar.at(bounds[1])[0] == bounds[1]
