"""Rooms of one name in several tenants, and old data without the tenant, on every store."""

from collections.abc import AsyncIterator

import pytest

from jmmc.privacy.receipts import Subject, SubjectKind
from tests.stores.conftest import MakeStore
from tests.support.site import Site

pytestmark = pytest.mark.parametrize("new_stores", ["sqlite", "mongod"], indirect=True)


@pytest.fixture
async def site(make_store: MakeStore) -> AsyncIterator[Site]:
    site = Site(make_store())
    yield site
    await site.close()


async def test_a_room_of_a_tenant_works_wherever_a_room_does(site: Site) -> None:
    alpha = await site.push("anna", room="stand%c3%a9", ten="alpha")
    beta = await site.push("ben", room="stand%c3%a9", ten="beta")
    bare = await site.push("carl", room="stand%c3%a9")
    await site.summarize()
    rooms = {row["room"] for row in (await site.api("/rooms"))["items"]}
    assert rooms == {"alpha/stand%c3%a9", "beta/stand%c3%a9", "stand%c3%a9"}
    for path in ("/rooms/alpha/stand%25c3%25a9", "/rooms/alpha%2Fstand%25c3%25a9"):
        (meeting,) = await site.api(path)
        assert (meeting["id"], meeting["participants"]) == (alpha, 1)
    assert (await site.api("/rooms/stand%25c3%25a9"))[0]["id"] == bare
    (found,) = (await site.api("/sessions?room=beta/stand%25c3%25a9"))["items"]
    assert found["session"] == beta
    hits = {hit["name"] for hit in await site.api("/search?q=stand%C3%A9")}
    assert hits == {"alpha/stand\u00e9", "beta/stand\u00e9", "stand\u00e9"}
    page = await site.page("/find?q=alpha/stand%C3%A9")
    assert "room=alpha%2Fstand%25c3%25a9" in page
    page = await site.page(f"/meetings/{alpha}")
    assert "alpha/stand\u00e9" in page
    assert "room=alpha/stand%25c3%25a9&amp;since=30d" in page
    listed = await site.page("/meetings?room=alpha/stand%25c3%25a9")
    assert f"/meetings/{alpha}" in listed
    assert f"/sessions/{beta}" not in listed
    export = await site.get("/api/v1/export?what=summaries&format=csv&room=beta/stand%25c3%25a9")
    assert export.body.count(b"\r\n") == 2
    receipt = await site.forget(Subject(SubjectKind.ROOM, "alpha/stand%c3%a9"))
    assert (receipt.sessions, receipt.summaries) == (1, 1)
    rooms = {row["room"] for row in (await site.api("/rooms"))["items"]}
    assert rooms == {"beta/stand%c3%a9", "stand%c3%a9"}


async def test_old_meetings_of_two_tenants_are_two_everywhere(site: Site) -> None:
    """Their script did not send the tenant; Jitsi's ids of the meetings differ."""
    bad = {"cq": 100, "d": {"pl": 30}}
    here = [
        await site.push(
            who, bad, room="standup", join={"pid": who, "mid": "meeting-1"}, seconds=400
        )
        for who in ("anna", "ben")
    ]
    there = [
        await site.push(who, room="standup", join={"pid": who, "mid": "meeting-2"}, seconds=400)
        for who in ("carl", "dora", "emil")
    ]
    old = await site.push("fred", room="standup", join={"pid": "fred"}, ago=3000, seconds=400)
    await site.summarize()
    meetings = await site.api("/meetings")
    assert sorted(row["participants"] for row in meetings) == [1, 2, 3]
    assert sorted(row["peak_people"] for row in meetings) == [1, 2, 3]
    detail = await site.api(f"/meetings/{here[1]}")
    assert {lane["session"]["session"] for lane in detail["lanes"]} == set(here)
    assert (await site.api(f"/sessions/{there[2]}"))["meeting"] in there
    assert sum(row["meetings"] for row in await site.api("/usage")) == 3
    worst = await site.page("/overview")
    assert any(f"/meetings/{id_}" in worst for id_ in here)
    assert not any(f"/meetings/{id_}" in worst for id_ in (*there, old))


async def test_running_meetings_of_two_tenants_are_two(site: Site) -> None:
    for who, mid in (("anna", "meeting-1"), ("ben", "meeting-1"), ("carl", "meeting-2")):
        join = {"pid": who, "mid": mid}
        await site.push(who, room="standup", join=join, ago=120, seconds=120, bye=False)
    await site.summarize()
    live = await site.api("/live")
    assert sorted(row["people"] for row in live["meetings"]) == [1, 2]
    assert len({row["id"] for row in live["meetings"]}) == 2
