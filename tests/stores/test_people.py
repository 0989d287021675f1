"""Names, support codes and devices: from the push to every answer, on every store."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from jmmc.privacy.receipts import Subject, SubjectKind
from tests.stores.conftest import MakeStore
from tests.support.site import Site, person

MakeSite = Callable[..., Site]

pytestmark = pytest.mark.parametrize("new_stores", ["sqlite", "mongod"], indirect=True)


@pytest.fixture
async def make_site(make_store: MakeStore) -> AsyncIterator[MakeSite]:
    """Make servers on one store, with the settings given."""
    sites: list[Site] = []

    def make(**settings: Any) -> Site:
        sites.append(Site(make_store(), **settings))
        return sites[-1]

    yield make
    for site in sites:
        await site.close()


def _anna(**more: str) -> dict[str, Any]:
    return {"pid": "8b4139fa", "name": "Anna Świątek", **more}


async def test_a_person_is_found_by_part_of_a_name_and_shown_by_it(make_site: MakeSite) -> None:
    site = make_site(identify="display_name")
    session = await site.push("anna", join=_anna())
    await site.push("ben", join={"pid": "11111111", "name": "Ben"})
    await site.push("somebody")
    await site.summarize()
    (hit,) = await site.api("/search?q=%C5%9AWI")
    assert (hit["kind"], hit["name"]) == ("name", "anna świątek")
    found = (await site.api("/sessions?name=nna")).get("items")
    assert [(row["session"], row["name"]) for row in found] == [(session, "Anna Świątek")]
    assert (await site.api("/overview?name=ANNA"))["sessions"] == 1
    shown = "Anna Świątek (8b4139fa)"
    assert shown in await site.page(f"/sessions/{session}")
    assert shown in await site.page(f"/meetings/{session}")
    assert "Anna Świątek" in await site.page(f"/participants/{person('anna')}")
    assert (await site.api(f"/participants/{person('anna')}"))["names"] == ["Anna Świątek"]
    page = await site.page("/sessions?room=room")
    assert shown in page
    assert "somebody" in page, "a participant without a name is shown by its id"
    export = (await site.get("/api/v1/export?what=summaries&format=csv&name=anna")).body.decode()
    assert "Anna Świątek" in export
    assert "Ben" not in export


async def test_names_are_erased_with_their_person_also_former_ones(make_site: MakeSite) -> None:
    site = make_site(identify="jwt", support_code="code")
    await site.push("anna", {"cq": 100, "name": "Former"}, join=_anna(code="0AB12Z"))
    await site.summarize()
    assert [hit["name"] for hit in await site.api("/search?q=former")] == ["former"]
    assert await site.api("/search?q=anna") == [], "the session has another name since"
    await site.push("ben", {"cq": 100, "name": "Former B"}, join={"pid": "x", "name": "Ben"})
    await site.summarize()
    receipt = await site.forget(Subject(SubjectKind.PARTICIPANT, person("anna")))
    assert (receipt.summaries, receipt.names) == (1, 3), "the id, the name and the code"
    assert await site.api("/search?q=0ab12z") == []
    assert [hit["name"] for hit in await site.api("/search?q=former")] == ["former b"]
    assert (await site.api("/sessions?name=former&limit=5"))["items"][0]["name"] == "Former B"


async def test_a_name_that_changes_leaves_no_trace_of_the_former_one(make_site: MakeSite) -> None:
    site = make_site(identify="display_name")
    await site.push("anna", join=_anna(), seconds=60)
    await site.summarize()
    assert len(await site.api("/search?q=anna")) == 1
    await site.continue_last("anna", {"name": "Maria"})
    await site.summarize()
    assert await site.api("/search?q=anna") == []
    assert [hit["name"] for hit in await site.api("/search?q=maria")] == ["maria"]


async def test_a_support_code_leads_straight_to_its_session(make_site: MakeSite) -> None:
    site = make_site(support_code="notice")
    session = await site.push("anna", join={"pid": "8b4139fa", "code": "10AB9Z"})
    attempt = await site.push("ben", join={"pid": "x", "code": "7KKKK7", "fail": "ice_failed"})
    await site.summarize()
    for typed in ("10AB9Z", "loab9z", "IOab-9z", " l0ab9z "):
        (hit,) = await site.api(f"/search?q={typed}")
        assert (hit["kind"], hit["name"], hit["session"]) == ("code", "10AB9Z", session)
        answer = await site.get(f"/find?q={typed}", 303)
        assert answer.headers["location"].endswith(f"/sessions/{session}")
    assert (await site.api("/search?q=7kkkk7"))[0]["session"] == attempt
    assert (await site.api("/sessions?code=io-ab9z"))["items"][0]["code"] == "10AB9Z"
    assert (await site.api("/sessions?code=nonsense"))["items"] == []
    assert "10AB9Z" in await site.page(f"/sessions/{session}")
    assert "No matches" in await site.page("/find?q=0000zz")


async def test_readings_about_people_are_refused_unless_the_operator_chose_them(
    make_site: MakeSite,
) -> None:
    join = _anna(code="10AB9Z") | {"dev": {"mic": "Anna's headset"}}
    closed = make_site()
    await closed.push("anna", join=join)
    assert sorted(closed.dropped) == ["m.code", "m.dev", "m.name"]
    hidden = make_site(pseudonyms="uid", support_code="code", collect_devices=True)
    session = await hidden.push("anna", join=join)
    assert hidden.dropped == ["m.name"]
    await hidden.summarize()
    detail = await hidden.api(f"/sessions/{session}")
    assert detail["summary"]["name"] == ""
    assert detail["summary"]["microphone"] == "Anna's headset"
    assert "Anna&#39;s headset" in await hidden.page(f"/sessions/{session}")
    assert await hidden.api("/search?q=anna") == []


async def test_a_name_is_in_no_log_line_and_no_metric(
    make_site: MakeSite, capfd: pytest.CaptureFixture[str]
) -> None:
    site = make_site(identify="display_name", log_level="debug", support_code="code")
    await site.push("anna", join=_anna(code="10AB9Z"))
    await site.summarize()
    assert await site.api("/search?q=%C5%9Awi%C4%85tek")
    assert "10AB9Z" in await site.page("/sessions?name=%C5%9Awi%C4%85tek&code=10AB9Z")
    metrics = (await site.get("/metrics")).body.decode()
    out, err = capfd.readouterr()
    for text in (metrics, out, err):
        assert "Świątek" not in text
        assert "10AB9Z" not in text
