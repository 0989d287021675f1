"""Joins that fail and stays that are dropped, on every store: what counts them, what must not."""

from collections import Counter
from random import Random
from typing import Any

import msgspec
import pytest

from jmmc.answers.joins import rates_of
from jmmc.answers.model import FailureShare, JoinRates, Overview
from jmmc.answers.queries import Queries
from jmmc.core.readings import MEDIA_FAILURES
from jmmc.maintenance.erase import forget
from jmmc.maintenance.summarizer import Summarizer
from jmmc.privacy.receipts import Subject, SubjectKind
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.joins import JoinSums
from jmmc.quality.rollups import ALL, DAY, HOUR
from jmmc.quality.summary import Setup
from jmmc.quality.thresholds import preset
from jmmc.stores import Store
from tests.support.builders import RHYTHM
from tests.support.site import Site
from tests.support.stays import START, Made, attempt, push_of, stay
from tests.support.waiting import wait_until_async

# Nothing here depends on how many servers MongoDB has.
pytestmark = pytest.mark.parametrize("new_stores", ["sqlite", "mongod"], indirect=True)

_END = START + 3 * DAY
_TECHNICAL = ("ice_failed", "bridge_down")
_REFUSED = ("password", "gave_up")


def _summarizer(store: Store, now: int = _END) -> Summarizer:
    return Summarizer(store, preset=preset("jitsi"), rhythm=RHYTHM, clock=lambda: now, holder="me")


async def _fill(store: Store, made: list[Made], *, first: int = 1, now: int = _END) -> None:
    await store.append([push_of(number, session) for number, session in enumerate(made, first)])
    while await _summarizer(store, now).step():
        pass


def _queries(store: Store, now: int = _END) -> Queries:
    return Queries(store, rhythm=RHYTHM, clock=lambda: now)


def _random_world(count: int) -> list[Made]:
    rng = Random(7)
    world: list[Made] = []
    for _ in range(count):
        began = rng.randrange(20 * HOUR, 27 * HOUR)
        outcome = rng.choice(
            ["joined"] * 6 + ["dropped", "no_media", "failed", "failed", "refused", ""]
        )
        reasons = {
            "failed": _TECHNICAL,
            "dropped": _TECHNICAL,
            "refused": _REFUSED,
            "no_media": MEDIA_FAILURES,
        }
        world.append(
            stay(
                began,
                0 if outcome in ("failed", "refused") else rng.randrange(1, 5000),
                outcome=outcome,
                failure=rng.choice(reasons.get(outcome, ("",))),
                region=rng.choice(["eu", "us", ""]),
                person=rng.randrange(20),
                room=f"room-{rng.randrange(8)}",
                setup=(rng.randrange(100, 9000), 100, rng.randrange(50, 3000)),
            )
        )
    return world


_COUNTS_AS = {"dropped": "joined", "no_media": "failed"}


def _counted(world: list[Made], since: int, until: int) -> tuple[int, ...]:
    """Joined, failed, refused, ended and dropped, by looking at each session."""
    found: Counter[str] = Counter()
    for made in world:
        if made.outcome and since <= made.began < until:
            found[_COUNTS_AS.get(made.outcome, made.outcome)] += 1
        if made.outcome in ("joined", "dropped") and since <= made.ended - 1 < until:
            found["ended"] += 1
            found["dropped"] += made.outcome == "dropped"
    return tuple(found[name] for name in ("joined", "failed", "refused", "ended", "dropped"))


def _counts(joins: JoinRates) -> tuple[int, ...]:
    return joins.joined, joins.failed, joins.refused, joins.ended, joins.dropped


async def _check_reasons_and_times(queries: Queries, world: list[Made]) -> None:
    since, until = START + 20 * HOUR + 1234, START + DAY + 2 * HOUR + 1777
    overview = await queries.overview(SummaryFilter(since=since, until=until))
    inside = [made for made in world if since <= made.began < until]
    for outcome, reasons in (
        ("failed", overview.join_reasons.failed),
        ("refused", overview.join_reasons.refused),
    ):
        right = Counter(
            made.failure for made in inside if _COUNTS_AS.get(made.outcome, made.outcome) == outcome
        )
        assert reasons == right
        assert list(reasons.values()) == sorted(reasons.values(), reverse=True)
    joins = overview.joins
    assert joins.failed_share == joins.failed / (joins.joined + joins.failed)
    assert joins.failed_interval[0] < joins.failed_share < joins.failed_interval[1]
    assert joins.dropped_share == joins.dropped / joins.ended
    times = sorted(
        made.setup[0] + made.setup[2] for made in inside if made.outcome in ("joined", "dropped")
    )
    assert joins.setup_ms_p50 == pytest.approx(times[(len(times) - 1) // 2], rel=0.011)
    assert joins.setup_ms_p95 == pytest.approx(times[int(0.95 * (len(times) - 1))], rel=0.011)
    steps = sorted(made.setup[0] for made in inside if made.outcome in ("joined", "dropped"))
    assert overview.setup["join"].count == len(steps)
    assert overview.setup["join"].p50 == pytest.approx(steps[(len(steps) - 1) // 2], rel=0.011)
    assert (overview.setup["ice"].p50, overview.setup.keys()) == (
        pytest.approx(100, rel=0.011),
        {"setup", "join", "ice", "media"},
    )


async def test_joins_are_counted_to_the_second_from_rollups_and_from_sessions(
    store: Store,
) -> None:
    world = _random_world(80)
    await _fill(store, world)
    queries = _queries(store)
    await _check_reasons_and_times(queries, world)
    busy = world[5].began  # A window that begins or ends in the very second of an event.
    for since, until in (
        (START, _END),
        (START + 20 * HOUR + 1234, START + DAY + 4321),
        (busy, busy + 3 * HOUR),
        (busy - 3 * HOUR, busy),
        (busy, busy + 1),
        (START + 21 * HOUR, START + 22 * HOUR),
    ):
        window = SummaryFilter(since=since, until=until)
        overview = await queries.overview(window)
        assert _counts(overview.joins) == _counted(world, since, until), (since, until)
        failed = sum(point.failed_joins for point in overview.series)
        assert failed == overview.joins.failed
        for region in ("eu", "us"):
            in_region = [made for made in world if made.region == region]
            right = _counted(in_region, since, until)
            filtered = await queries.overview(msgspec.structs.replace(window, region=region))
            assert _counts(filtered.joins) == right
            compared = {row.value: row.joins for row in await queries.compare("region", window)}
            assert region in compared or not any(right)
            assert region not in compared or _counts(compared[region]) == right


async def test_where_no_script_tells_nothing_is_known_and_nothing_is_zero(store: Store) -> None:
    await _fill(store, [stay(60, 300, outcome=""), attempt(2 * HOUR, "password")])
    window = SummaryFilter(since=START, until=START + HOUR)
    joins = (await _queries(store).overview(window)).joins
    assert (joins.failed_share, joins.failed_interval) == (None, (0.0, 1.0))
    assert (joins.dropped_share, joins.setup_ms_p50) == (None, None)
    refused = (await _queries(store).overview(SummaryFilter(since=START, until=_END))).joins
    assert (refused.refused, refused.failed_share) == (1, None), "nobody's service failed"


async def test_what_failed_joins_never_know_says_nothing_of_their_share(store: Store) -> None:
    await _fill(store, [stay(60, 300), stay(90, 300, outcome="dropped", failure="other")])
    window = SummaryFilter(since=START, until=_END)
    (row,) = await _queries(store).compare("transport", window)
    assert (row.joins.failed_share, row.joins.dropped_share) == (None, 0.5)
    graded = await _queries(store).overview(msgspec.structs.replace(window, grade="good"))
    assert (graded.joins.failed_share, graded.joins.dropped_share) == (None, 0.5)


def _without_joins(overview: Overview) -> Any:
    answer = msgspec.to_builtins(overview)
    for name in ("joins", "join_reasons", "setup"):
        del answer[name]
    answer["series"] = [
        {name: value for name, value in point.items() if name != "failed_joins"}
        for point in answer["series"]
        if point["participants"]
    ]
    return answer


_NO_JOINS = rates_of(JoinSums(), SummaryFilter())


async def _answers(store: Store, now: int) -> dict[str, Any]:
    """Everything that counts or lists sessions, people, rooms, meetings and minutes."""
    queries, reports = _queries(store, now), store.reports
    window = SummaryFilter(since=START + 10, until=now)
    detail = await queries.overview_detail(window, "region", worst=5)
    live = await queries.live()
    person = f"{1:08x}-0000-4000-8000-000000000000"
    participant = await queries.participant(person, window)
    session = msgspec.json.encode(await queries.session(f"{1:024x}"))
    return {
        "overview": _without_joins(await queries.overview(window)),
        "of a region": _without_joins(
            await queries.overview(msgspec.structs.replace(window, region="eu"))
        ),
        "of failed joins": (
            await queries.overview(msgspec.structs.replace(window, outcome="failed"))
        ).sessions,
        "heat": detail.heat,
        "spread": detail.spread,
        "heat by region": await queries.heat_by("region", window),
        "compared": [
            (row.value, row.sessions, row.minutes, row.grades, row.poor_interval)
            for row in await queries.compare("region", window)
            if row.sessions or row.minutes
        ],
        "rooms": await queries.rooms(window, limit=50),
        "meetings": await queries.meetings(window),
        "sessions": await queries.sessions(window, limit=50),
        "usage": [
            msgspec.structs.replace(row, joins=_NO_JOINS)
            for row in await queries.usage("day", window)
        ],
        "live": (live.people, live.meetings, live.hotspots, live.connections),
        "running": [part async for part in reports.live_sessions()],
        "totals of a participant": (
            participant.sessions,
            participant.rooms,
            participant.minutes,
            participant.networks,
            participant.browsers,
            participant.latest,
        ),
        "session": session,
        "shares": await queries.shares("region", START, now),
        "silence": await queries.silence(START, now, quiet=60),
        "overdue": await reports.overdue(now, 10),
        "rooms counted": await reports.count_rooms(window),
        "deciles": sorted(await reports.deciles(window)),
    }


async def test_attempts_are_no_session_person_minute_room_meeting_or_newest_sample(
    store: Store,
) -> None:
    now = START + 2 * HOUR
    stays = [
        stay(0, 900),
        stay(300, 1200, person=2),
        stay(600, HOUR, person=3, room="other", region="us"),
        stay(5400, 1790, person=4, room="late"),
    ]
    await _fill(store, stays, now=now)
    before = await _answers(store, now)
    attempts = [
        attempt(100),  # In a meeting, of somebody who is in another tab.
        attempt(200, person=90),  # Of somebody who never came in.
        attempt(3000, room="nobody", person=91, region="xx"),
        attempt(3100, "password", room="nobody", person=91, region="xx"),
        attempt(2 * HOUR - 5, person=92),  # After the newest sample of all calls.
    ]
    await _fill(store, attempts, first=50, now=now)
    after = await _answers(store, now)
    for name, answer in before.items():
        assert after[name] == answer, name
    assert (await _queries(store, now).live()).joins.rates.failed == 1


async def test_a_room_in_which_joins_only_failed_is_found_and_has_pages(store: Store) -> None:
    await _fill(
        store,
        [
            attempt(100, room="closed", person=9),
            attempt(160, "password", room="closed", person=9),
        ],
    )
    queries, window = _queries(store), SummaryFilter(since=START, until=_END)
    hits = await queries.search("clos")
    assert [(hit.kind, hit.name) for hit in hits] == [("room", "closed")]
    listed = await queries.attempts(msgspec.structs.replace(window, room="closed"), limit=10)
    assert [item.failure for item in listed.items] == ["password", "ice_failed"]
    first = listed.items[1]
    assert first.setup == Setup(join=500)
    detail = await queries.session(first.session)
    assert (detail.summary, detail.meeting, detail.times) == (first, first.session, detail.times)
    meeting = await queries.meeting(first.session)
    assert [item.failure for item in meeting.attempts] == ["ice_failed", "password"]
    assert (meeting.meeting.sessions, meeting.meeting.participants, meeting.lanes) == (0, 0, ())
    person = await queries.participant(first.browser_id, window)
    assert (person.sessions, person.joins.failed, len(person.attempts)) == (0, 1, 2)


async def test_attempts_are_listed_by_outcome_and_never_among_sessions(store: Store) -> None:
    await _fill(
        store,
        [
            stay(0, 300),
            stay(400, 300, outcome="dropped", failure="bridge_down", person=2),
            stay(500, 30, outcome="no_media", failure="ice_failed", person=3),
            attempt(100),
            attempt(200, "password"),
        ],
    )
    queries, window = _queries(store), SummaryFilter(since=START, until=_END)

    async def listed(outcome: str | None) -> list[str]:
        selection = msgspec.structs.replace(window, outcome=outcome)
        page = await queries.sessions(selection, limit=10)
        return [summary.outcome for summary in page.items]

    assert await listed(None) == ["no_media", "dropped", "joined"]
    for outcome in ("joined", "dropped", "no_media", "failed", "refused"):
        assert await listed(outcome) == [outcome]
    page = await queries.attempts(window, limit=2)
    assert [summary.outcome for summary in page.items] == ["no_media", "refused"]
    second = await queries.attempts(window, limit=2, after=page.after)
    assert [summary.outcome for summary in second.items] == ["failed"]


async def test_an_attempt_is_in_the_meeting_around_it_and_not_in_one_far_away(
    store: Store,
) -> None:
    await _fill(store, [stay(1000, 600), attempt(500), attempt(1200), attempt(2500)])
    queries = _queries(store)
    meeting = await queries.meeting(f"{1:024x}")
    assert [item.began - START for item in meeting.attempts] == [500, 1200]
    near, far = await queries.session(f"{2:024x}"), await queries.session(f"{4:024x}")
    assert (near.meeting, far.meeting) == (f"{1:024x}", f"{4:024x}")


async def test_alert_rules_see_joins_and_stays_by_group_and_whom_they_affect(
    store: Store,
) -> None:
    await _fill(
        store,
        [
            stay(0, 100, person=1),
            stay(0, 200, person=2, outcome="dropped", failure="other", region="us"),
            stay(0, 900, person=3, outcome=""),
            *[attempt(10 + number, person=4, region="us") for number in range(3)],
            attempt(50, "password", person=5),
        ],
    )
    queries = _queries(store)
    joins = await queries.failures("joins", "region", START, START + 300)
    assert [msgspec.structs.replace(share, support=0) for share in joins] == [
        FailureShare("eu", 1, 0, 0),
        FailureShare("us", 4, 3, 1),
    ]
    (stays,) = await queries.failures("stays", ALL, START, START + 300)
    assert (stays.events, stays.failed, stays.people) == (2, 1, 1)
    assert await queries.failures("stays", ALL, START, START + 50) == []


@pytest.mark.parametrize("kind", [SubjectKind.PARTICIPANT, SubjectKind.ROOM])
async def test_erasing_a_person_or_a_room_erases_their_attempts(
    store: Store, kind: SubjectKind
) -> None:
    attempts = [
        attempt(100, room="closed", person=9),
        attempt(200, "password", room="closed", person=9),
    ]
    await _fill(store, [stay(0, 300), *attempts])
    person = f"{9:08x}-0000-4000-8000-000000000000"
    subject = Subject(kind, person if kind is SubjectKind.PARTICIPANT else "closed")
    clock = lambda: _END  # noqa: E731
    steps = forget(store, subject, _summarizer(store), clock=clock, settle=0)
    receipt = [step async for step in steps][-1]
    assert (receipt.sessions, receipt.summaries) == (2, 2)
    everything = SummaryFilter(attempts=None)
    assert len(await store.reports.summaries(everything, limit=10)) == 1
    assert await store.reports.search("closed", 5) == []
    window = SummaryFilter(since=START, until=_END)
    assert _counts((await _queries(store).overview(window)).joins) == (1, 0, 0, 1, 0)


async def test_retention_deletes_attempts_like_sessions(store: Store) -> None:
    await _fill(store, [attempt(100), attempt(DAY + 100)])
    while await store.prune(START + DAY):
        pass
    assert await store.reports.prune(START + DAY) == 1
    assert await store.reports.prune(START + DAY) == 0
    left = await store.reports.summaries(SummaryFilter(attempts=None), limit=10)
    assert [summary.began for summary in left] == [START + DAY + 100]


async def test_a_stay_that_goes_on_after_its_end_ends_once_whatever_process_counts(
    store: Store,
) -> None:
    site = Site(store)

    async def count(name: str) -> float:
        lines = (await site.get("/metrics")).body.decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name + "{"))

    async def reach(name: str, expected: float) -> bool:
        return await count(name) == expected

    join = {"pid": "anna", "set": {"join": 300}}
    await site.push("anna", {"cq": 90}, join=join, ago=300, seconds=100, bye=False)
    await wait_until_async(lambda: reach("jmmc_stays_ended_total", 1))
    await site.continue_last("anna", {"cq": 80})
    await wait_until_async(lambda: reach("jmmc_participants", 1))
    await site.restart()
    await wait_until_async(lambda: reach("jmmc_participants", 1))
    await site.continue_last("anna", {"cq": 70}, bye=True)
    await wait_until_async(lambda: reach("jmmc_participants", 0))
    assert await count("jmmc_stays_ended_total") == 0, "the process before has counted it"
    await site.close()
