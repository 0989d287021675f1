"""Rooms of the same name in several tenants are several rooms, and meetings."""

from collections import Counter

import pytest

from tests.oracle import cases
from tests.oracle.asking import PEAK_PEOPLE, Asked, figure
from tests.oracle.expected import peaks
from tests.oracle.truth import Call, end_of


def _window(calls: list[Call]) -> dict[str, int]:
    return {"since": min(call.joined for call in calls), "until": end_of(calls)}


@pytest.mark.parametrize(
    ("calls", "rooms"),
    [(cases.TENANTS, 2), (cases.OLD_TENANTS, 1)],
    ids=["told by the script", "told by the ids of the meetings"],
)
def test_two_tenants_that_meet_in_rooms_of_one_name_have_two_meetings(
    asked: Asked, calls: list[Call], rooms: int
) -> None:
    window = _window(calls)
    meetings = asked.api("meetings", **window)
    right = Counter((call.room, call.mid, call.joined) for call in calls)
    assert sorted(meeting["participants"] for meeting in meetings) == sorted(right.values())
    assert len({meeting["room"] for meeting in meetings}) == rooms
    for meeting in meetings:
        lanes = asked.api(f"meetings/{meeting['id']}")["lanes"]
        uids = {lane["session"]["participant_id"] for lane in lanes}
        own = [call for call in calls if call.uid in uids]
        assert len(own) == len(lanes) == meeting["participants"]
        assert len({(call.room, call.mid) for call in own}) == 1
        assert figure(meeting, PEAK_PEOPLE) == peaks(own, **window)[0]
    assert sum(day["meetings"] for day in asked.api("usage", **window)) == 2
    # The most at once, over both.
    assert figure(asked.api("overview", **window), PEAK_PEOPLE) == peaks(calls, **window)[0]


def test_a_room_of_a_tenant_has_its_own_path(asked: Asked) -> None:
    window = _window(cases.TENANTS)
    (meeting,) = asked.api("rooms/beta/t-standup", **window)
    assert (meeting["room"], meeting["participants"]) == ("beta/t-standup", 2)
    listed = asked.items("sessions", room="alpha/t-standup", **window)
    assert len(listed) == 3
