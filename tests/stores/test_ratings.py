"""Ratings, from the push after a call to every answer, on every store."""

from collections.abc import AsyncIterator

import pytest

from tests.stores.conftest import MakeStore
from tests.support.site import Site

pytestmark = pytest.mark.parametrize("new_stores", ["sqlite", "mongod"], indirect=True)


@pytest.fixture
async def site(make_store: MakeStore) -> AsyncIterator[Site]:
    site = Site(make_store(), ask_rating=0.5)
    yield site
    await site.close()


async def test_a_rating_comes_after_the_call_and_is_shown_filtered_and_compared(
    site: Site,
) -> None:
    bad = {"cq": 100, "d": {"pl": 30}}
    rated = {"rate": 2, "why": "audio"}
    low = await site.push("anna", bad, join={"pid": "anna", "t": {"sr": "eu"}}, after=rated)
    for number in range(6):
        who = f"somebody {number}"
        join = {"pid": "x", "t": {"sr": "us"}}
        high = await site.push(who, join=join, after={"rate": 4 + number % 2})
    await site.push("ben", join={"pid": "ben", "t": {"sr": "eu"}})
    await site.summarize()
    summary = (await site.api(f"/sessions/{low}"))["summary"]
    assert (summary["rating"], summary["rating_reason"]) == (2, "audio")
    seconds = sum(summary[grade] for grade in ("good", "fair", "poor", "unknown"))
    assert seconds == 120, "the call is not longer by its rating"
    found = (await site.api("/sessions?rating=2"))["items"]
    assert [row["session"] for row in found] == [low]
    assert len((await site.api("/sessions?rating=5"))["items"]) == 3
    await site.get("/api/v1/sessions?rating=6", 400)
    assert (await site.api("/overview"))["ratings"]["sessions"] == 7
    by_region = {row["value"]: row["ratings"] for row in await site.api("/compare?by=region")}
    assert (by_region["eu"]["sessions"], by_region["eu"]["mean"]) == (1, 2.0)
    assert by_region["eu"]["interval"] is None
    assert (by_region["us"]["people"], by_region["us"]["mean"]) == (6, 4.5)
    assert by_region["us"]["interval"][0] < 4.5 < by_region["us"]["interval"][1]
    assert "too few people" in await site.page("/compare?by=region")
    assert "rating, of 5: <b>2</b> (audio)" in await site.page(f"/sessions/{low}")
    assert "rating 2 (audio)" in await site.page(f"/meetings/{low}")
    assert "mean rating, of 5" in await site.page("/overview")
    assert "mean rating" not in await site.page("/overview?room=other")
    export = (await site.get("/api/v1/export?what=summaries&format=csv&rating=2")).body.decode()
    header, row = export.strip().split("\r\n")
    cells = dict(zip(header.split(","), row.split(","), strict=True))
    assert (cells["rating"], cells["rating_reason"]) == ("2", "audio")
    assert high != low


async def test_the_page_about_agreement_says_when_there_are_too_few(site: Site) -> None:
    bad = {"cq": 100, "d": {"pl": 30}}
    assert "No participant rated a call" in await site.page("/agreement")
    for number in range(5):
        await site.push(f"{number}", bad, after={"rate": 1})
    await site.summarize()
    page = await site.page("/agreement")
    assert "Too few or too similar ratings for a correlation" in page
    for number in range(5, 32):
        await site.push(f"{number}", *([bad] if number % 3 == 0 else []), after={"rate": 5})
    await site.summarize()
    answer = await site.api("/agreement")
    assert (answer["compared"], answer["ratings"]["people"]) == (32, 32)
    assert 0.3 < answer["correlation"] < 0.9
    assert answer["interval"][0] < answer["correlation"] < answer["interval"][1]
    assert [answer["table"][0][grade] for grade in ("good", "fair", "poor")] == [0, 0, 5]
    page = await site.page("/agreement?lang=fr")
    assert f"{answer['correlation']:.2f}".replace(".", ",") in page
    assert "Too few" not in page


async def test_a_rating_that_nobody_was_asked_for_is_dropped_and_the_rest_of_its_push_stored(
    make_store: MakeStore,
) -> None:
    site = Site(make_store())
    session = await site.push("anna", {"cq": 90}, after={"rate": 2, "why": "audio", "n": 3})
    assert sorted(site.dropped) == ["m.rate", "m.why"]
    await site.summarize()
    detail = await site.api(f"/sessions/{session}")
    assert (detail["summary"]["rating"], detail["summary"]["rating_reason"]) == (None, "")
    assert detail["summary"]["samples"] == 14, "one of the join, twelve of the call, one after it"
    await site.close()
