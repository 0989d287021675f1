"""Lists of sessions: their order, pages, filters and names to search, counted by hand."""

from typing import Any, NamedTuple

import msgspec
import pytest

from jmmc.answers.list_filters import EVERY_ITEM, ListFilter
from jmmc.answers.meeting_lists import MEETING_KEYS, ListedMeeting
from jmmc.answers.model import RoomActivity
from jmmc.answers.queries import Queries
from jmmc.core.errors import InvalidInput
from jmmc.core.model import Session
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.ordering import NEWEST_FIRST, SORT_KEYS, Order
from jmmc.quality.segments import Segment
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import GradeSpan, Summary
from jmmc.quality.thresholds import preset
from jmmc.stores import Store
from tests.support.builders import RHYTHM, push

_START = 1_700_000_000


class _Row(NamedTuple):
    """One session of the lists: seconds since `_START`, seconds of each grade, and values."""

    id: str
    began: int
    ended: int
    good: int
    fair: int
    poor: int
    room: str
    name: str
    region: str
    network: str
    browser: str


# Two sessions have equal shares of poor time, one has no known time, one no name and no region.
_ROWS = (
    _Row("a", 0, 600, 500, 50, 50, "daily", "Zoë", "eu", "10.0.0.0/24", "Chrome 131"),
    _Row("b", 100, 200, 50, 50, 0, "weekly", "anna", "us", "10.0.1.0/24", "Chrome 130"),
    _Row("c", 50, 950, 0, 0, 0, "daily", "", "", "", "Firefox 132"),
    _Row("d", 400, 1400, 0, 0, 1000, "board", "Bob", "eu", "10.0.0.0/24", ""),
    _Row("e", 300, 360, 55, 0, 5, "board", "anna", "ap", "10.0.2.0/24", "Safari 18"),
)
_BY_HAND = {
    "began": "acbed",  # 0, 50, 100, 300, 400
    "length": "ebacd",  # 60, 100, 600, 900, 1000
    "room": "deacb",  # board, board, daily, daily, weekly
    "person": "bedac",  # anna, anna, bob, zoë, then the one without a name
    "region": "eadbc",  # ap, eu, eu, us, unknown
    "network": "adbec",
    "browser": "baced",  # Chrome 130, Chrome 131, Firefox 132, Safari 18, unknown
    "poor": "baedc",  # 0, 1/12, 1/12, 1, unknown
    "bad": "eabdc",  # 1/12, 1/6, 1/2, 1, unknown
}
_FALLING = {
    **{key: order[::-1] for key, order in _BY_HAND.items()},
    # What is unknown stays last.
    "person": "adebc",
    "region": "bdaec",
    "network": "ebdac",
    "browser": "ecabd",
    "poor": "deabc",
    "bad": "dbaec",
}


def _id(letter: str) -> str:
    return letter * 24


def _base() -> Summary:
    pushed = push(0, 1)
    session = Session(
        pushed.session, pushed.room, pushed.browser_id, pushed.dialect, _START, pushed.samples
    )
    return summarize(session, preset=preset("jitsi"), rhythm=RHYTHM)


def _made(row: _Row, **more: Any) -> Summary:
    return msgspec.structs.replace(
        _base(),
        session=_id(row.id),
        began=_START + row.began,
        ended=_START + row.ended,
        last=_START + row.ended,
        room=row.room,
        name=row.name,
        good=row.good,
        fair=row.fair,
        poor=row.poor,
        region=row.region,
        network=row.network,
        browser=row.browser,
        **more,
    )


@pytest.fixture
async def listed(store: Store) -> Store:
    await store.reports.put_summaries([_made(row) for row in _ROWS])
    return store


async def _letters(store: Store, order: Order, size: int) -> str:
    """The sessions page by page, as letters."""
    queries = Queries(store, rhythm=RHYTHM, clock=lambda: _START)
    found, after = "", None
    while True:
        page = await queries.sessions(SummaryFilter(), limit=size, order=order, after=after)
        assert len(page.items) <= size
        found += "".join(summary.session[0] for summary in page.items)
        if (after := page.after) is None:
            return found


@pytest.mark.parametrize("key", SORT_KEYS)
async def test_sessions_are_sorted_by_every_key_in_both_directions_on_every_page(
    listed: Store, key: str
) -> None:
    for size in (1, 2, 5):
        assert await _letters(listed, Order.parse(key), size) == _BY_HAND[key]
        assert await _letters(listed, Order.parse(f"-{key}"), size) == _FALLING[key]


async def test_a_session_that_is_stored_between_two_pages_changes_nothing_of_the_next(
    listed: Store,
) -> None:
    queries = Queries(listed, rhythm=RHYTHM, clock=lambda: _START)
    order = Order.parse("-length")
    first = await queries.sessions(SummaryFilter(), limit=2, order=order)
    new = _ROWS[0]._replace(id="f", ended=5000)
    await listed.reports.put_summaries([_made(new)])
    second = await queries.sessions(SummaryFilter(), limit=2, order=order, after=first.after)
    assert [row.session[0] for row in (*first.items, *second.items)] == ["d", "c", "a", "b"]


@pytest.mark.parametrize("cursor", ["", "x", "x:y", "1" * 2000 + ":a"])
async def test_a_cursor_that_no_answer_gave_is_refused(listed: Store, cursor: str) -> None:
    queries = Queries(listed, rhythm=RHYTHM, clock=lambda: _START)
    for key in ("began", "poor"):
        with pytest.raises(ValueError, match="expected the cursor of an earlier answer"):
            await queries.sessions(SummaryFilter(), limit=2, order=Order.parse(key), after=cursor)


async def test_one_of_several_values_is_enough_also_where_it_held_for_a_part(store: Store) -> None:
    moved = (
        Segment(_START, _START + 100, {"region": "eu"}),
        Segment(_START + 100, _START + 600, {"region": "sa"}),
    )
    rows = [_made(row) for row in _ROWS[1:]]
    await store.reports.put_summaries([_made(_ROWS[0], segments=moved), *rows])

    async def found(**filters: str) -> str:
        page = await store.reports.summaries(SummaryFilter(**filters), limit=9)
        return "".join(sorted(summary.session[0] for summary in page))

    assert await found(region="us|ap") == "be"
    assert await found(region="sa|us") == "ab"
    assert await found(browser="Chrome|Safari 18") == "abe"
    assert await found(browser="chrome|131") == ""
    assert await found(name="an") == "be"
    assert await found(network="10.0.0.0/24", region="eu") == "ad"


async def test_sessions_are_selected_by_their_length_and_by_ids(listed: Store) -> None:
    async def found(**filters: Any) -> str:
        rows = await listed.reports.facts(("session",), SummaryFilter(**filters))
        return "".join(sorted(session[0] for (session,) in rows))

    # 600, 100, 900, 1000 and 60 seconds.
    assert await found(min_seconds=100, max_seconds=900) == "abc"
    assert await found(max_seconds=99) == "e"
    assert await found(min_seconds=901, since=_START) == "d"
    assert await found(sessions=(_id("b"), _id("d"), _id("f"))) == "bd"
    assert await found(sessions=(_id("b"), _id("d")), min_seconds=500) == "d"
    assert await found(sessions=()) == ""


async def test_columns_in_parts_have_each_session_once_also_where_many_begin_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = [0, 0, 0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3]  # More than a part in one second.
    rows = [_made(_ROWS[0]._replace(began=second)) for second in began]
    await store.reports.put_summaries(
        [
            msgspec.structs.replace(row, session=f"{place:024x}", room=f"r{place % 5}")
            for place, row in enumerate(rows)
        ]
    )
    monkeypatch.setattr("jmmc.stores.sqlite.reports._PART", 3)
    for since, until in ((_START, _START + 9), (_START + 1, _START + 3), (_START + 900, None)):
        window = SummaryFilter(since=since, until=until)
        facts = await store.reports.facts(("session", "room"), window)
        found: list[tuple[str, str]] = []
        async for part in store.reports.columns(("session", "room"), window):
            found += zip(*part, strict=True)
        assert sorted(found) == sorted(facts)
        # In a long window with few rooms each is looked up, else the sessions are counted.
        rooms = {await store.reports.count_rooms(window)}
        with monkeypatch.context() as many:
            many.setattr("jmmc.stores.sqlite.reports._FEW_ROOMS", 0)
            rooms.add(await store.reports.count_rooms(window))
        assert rooms == {len({room for _, room in facts})}


async def test_a_value_that_has_the_mark_between_values_is_found_as_it_is(store: Store) -> None:
    await store.reports.put_summaries([_made(_ROWS[0]._replace(browser="Chrome|ium 1"))])
    found = await store.reports.summaries(SummaryFilter(browser="Chrome|ium"), limit=9)
    assert len(found) == 1


async def test_sessions_are_found_by_parts_of_the_names_of_their_devices(store: Store) -> None:
    devices = {"microphone": "Jabra EVOLVE 2 Mono", "camera": "USB Câmera", "speaker": "HDMI"}
    await store.reports.put_summaries([_made(_ROWS[0], **devices), _made(_ROWS[1])])
    for text, count in (
        ("jabra", 1),
        ("mono EVOLVE", 1),
        ("câmera", 1),
        ("hdmi jabra", 1),
        ("logitech", 0),
        ("", 1),
    ):
        found = await store.reports.summaries(SummaryFilter(device=text), limit=9)
        assert len(found) == count, text


async def test_names_are_found_by_their_parts_in_any_order_and_case(store: Store) -> None:
    row = _ROWS[0]._replace(room="team%2520standup", name="Anna Berg")
    await store.reports.put_summaries([_made(row, code="7KQ2ZD", provider="AS64496 Example Net")])
    queries = Queries(store, rhythm=RHYTHM, clock=lambda: _START)

    async def kinds(text: str) -> list[str]:
        return [hit.kind for hit in await queries.search(text)]

    assert await kinds("BERG anna") == ["name"]
    assert await kinds("net 64496 example") == ["provider"]
    assert await kinds("standup team") == ["room"]
    assert await kinds("anna carl") == []
    (code,) = await queries.search("kq2")
    assert (code.kind, code.name, code.session) == ("code", "7KQ2ZD", _id("a"))
    assert len(await queries.search("7kq-2zd")) == 1


class _Visit(NamedTuple):
    """A stay in the list of meetings: who was where, in minutes since `_START`."""

    who: str
    room: str
    began: int
    ended: int
    poor: int = 0


_DAY = 1440
# By hand: room a has a meeting of two people, is empty for ten minutes, and has one of one person;
# room b has one long meeting, room c is never empty for ten minutes, and d has two people.
_VISITS = (
    _Visit("1", "a", 0, 30),
    _Visit("2", "a", 10, 40, poor=30),
    _Visit("3", "a", 50, 60),
    _Visit("4", "b", 20, 140),
    *(_Visit("5", "c", day * _DAY, (day + 1) * _DAY - 5) for day in range(9)),
    _Visit("6", "d", 8 * _DAY + 60, 8 * _DAY + 70),
    _Visit("7", "d", 8 * _DAY + 65, 8 * _DAY + 90),
)


def _visit(number: int, visit: _Visit) -> Summary:
    minutes = visit.ended - visit.began
    began, ended = _START + 60 * visit.began, _START + 60 * visit.ended
    return msgspec.structs.replace(
        _base(),
        session=f"{number:024x}",
        browser_id=f"{visit.who}-id",
        room=visit.room,
        began=began,
        ended=ended,
        last=ended,
        good=60 * (minutes - visit.poor),
        fair=0,
        poor=60 * visit.poor,
        unknown=0,
        grade_spans=(
            GradeSpan(began, ended - 60 * visit.poor, Grade.GOOD),
            GradeSpan(ended - 60 * visit.poor, ended, Grade.POOR),
        )
        if visit.poor
        else (GradeSpan(began, ended, Grade.GOOD),),
        jitsi_meeting_id="",
        region="eu" if visit.who != "2" else "us",
    )


@pytest.fixture
async def meetings(store: Store) -> Queries:
    await store.reports.put_summaries(
        [_visit(number, visit) for number, visit in enumerate(_VISITS)]
    )
    return Queries(store, rhythm=RHYTHM, clock=lambda: _START)


_ALL_MEETINGS = SummaryFilter(since=_START - 1, until=_START + 20 * 86_400)


async def _rooms(queries: Queries, order: Order, size: int | None) -> list[tuple[str, int]]:
    """Room and people of every meeting, page by page, or without a `size` all of them."""
    rows: list[ListedMeeting] = []
    if size is None:
        async for part in queries.all_meetings(_ALL_MEETINGS, order=order, also=EVERY_ITEM):
            rows += part
    after = ""
    while size is not None and after is not None:
        page = await queries.meeting_list(
            _ALL_MEETINGS, limit=size, order=order, after=after or None
        )
        assert len(page.items) <= size
        rows += page.items
        after = page.after
    return [(row.meeting.room, row.meeting.participants) for row in rows]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        # Began at 8 days and 60 min, 50 min, 20 min, and two at 0, of which c has the later id.
        ("-began", [("d", 2), ("a", 1), ("b", 1), ("c", 1), ("a", 2)]),
        ("-people", [("d", 2), ("a", 2), ("c", 1), ("b", 1), ("a", 1)]),
        # 10, 30, 40 and 120 minutes, and nine days.
        ("length", [("a", 1), ("d", 2), ("a", 2), ("b", 1), ("c", 1)]),
        ("-poor", [("a", 2), ("d", 2), ("c", 1), ("b", 1), ("a", 1)]),
        ("room", [("a", 2), ("a", 1), ("b", 1), ("c", 1), ("d", 2)]),
    ],
)
async def test_meetings_are_sorted_on_every_page_as_counted_by_hand(
    meetings: Queries, order: str, expected: list[tuple[str, int]]
) -> None:
    for size in (1, 3, None):
        assert await _rooms(meetings, Order.parse(order, MEETING_KEYS), size) == expected


async def test_meetings_are_selected_by_their_own_length(meetings: Queries) -> None:
    async def rooms(least: int | None, most: int | None) -> list[str]:
        page = await meetings.meeting_list(
            _ALL_MEETINGS, limit=9, also=ListFilter(min_seconds=least, max_seconds=most)
        )
        return [row.meeting.room for row in page.items]

    # No stay in a room `a` takes 40 minutes, but the first meeting there does.
    assert await rooms(2400, 7200) == ["b", "a"]
    assert await rooms(None, 1800) == ["d", "a"]


async def test_rooms_are_listed_page_by_page_by_when_they_were_used_last(meetings: Queries) -> None:
    # By hand: room, minutes since the start when the last one left, sessions, person-minutes.
    rooms = [
        ("c", 8 * _DAY + 1435, 9, 9 * 1435),
        ("d", 8 * _DAY + 90, 2, 35),
        ("b", 140, 1, 120),
        ("a", 60, 3, 70),
    ]
    for size in (1, 3, 4):
        rows: list[RoomActivity] = []
        after: str | None = ""
        while after is not None:
            page = await meetings.rooms(_ALL_MEETINGS, limit=size, after=after or None)
            rows, after = [*rows, *page.items], page.after
        assert rooms == [
            (row.room, (row.last - _START) // 60, row.sessions, row.minutes) for row in rows
        ]
    # Only one session of room `a` fits, which nobody had in the last 8 days.
    (room,) = (
        await meetings.rooms(msgspec.structs.replace(_ALL_MEETINGS, region="us"), limit=1)
    ).items
    assert (room.room, room.last, room.sessions) == ("a", _START + 40 * 60, 1)
    with pytest.raises(InvalidInput, match="cursor"):
        await meetings.rooms(_ALL_MEETINGS, limit=2, after=f"{_START}:nowhere")


async def test_a_listed_meeting_says_when_it_was_poor_and_where_its_people_were(
    meetings: Queries,
) -> None:
    room = msgspec.structs.replace(_ALL_MEETINGS, room="a")
    page = await meetings.meeting_list(room, limit=5, order=NEWEST_FIRST)
    short, long = page.items
    assert short.regions == ("eu",)
    assert long.regions == ("eu", "us")
    # The second person had problems from the tenth minute on; the first one left after 30.
    began = _START
    assert long.lane == (
        GradeSpan(began, began + 600, Grade.GOOD),
        GradeSpan(began + 600, began + 2400, Grade.POOR),
    )


async def test_values_of_a_filter_are_counted_and_found_by_parts(listed: Store) -> None:
    queries = Queries(listed, rhythm=RHYTHM, clock=lambda: _START)
    window = SummaryFilter(since=_START - 1, until=_START + 5000)

    async def values(name: str, text: str) -> list[tuple[str, int]]:
        found = await queries.stored_values(name, text, window)
        return [(value.value, value.sessions) for value in found]

    assert await values("region", "") == [("eu", 2), ("ap", 1), ("us", 1)]
    assert await values("browser", "131 CHR") == [("Chrome 131", 1)]
    assert await values("browser", "13") == [
        ("Chrome 130", 1),
        ("Chrome 131", 1),
        ("Firefox 132", 1),
    ]
    assert await values("room", "LY") == [("daily", 2), ("weekly", 1)]
    assert await values("name", "ann") == [("anna", 2)]

    async def meant(name: str, text: str) -> str:
        return await queries.resolved_value(name, text, window)

    assert await meant("browser", "131 chrome") == "Chrome 131"
    assert await meant("browser", "chrome") == "Chrome"
    assert await meant("browser", "Chrome") == "Chrome"
    assert await meant("browser", "13") == "Chrome 130|Chrome 131|Firefox 132"
    assert await meant("browser", "opera") == "opera"
    assert await meant("room", "DAI") == "daily"
    assert await meant("room", "ly") == ""
