"""Bad for whom, from the push to the pages, the API and the command."""

import asyncio
from functools import partial
from pathlib import Path

from jmmc.stores.sqlite.store import SqliteStore
from tests.support.commands import jmmc
from tests.support.site import Site


def _named(name: str, endpoint: str) -> dict[str, str]:
    return {"pid": endpoint, "name": name}


async def test_a_call_of_two_says_which_way_was_bad(store: SqliteStore, file: Path) -> None:
    site = Site(store, identify="display_name")
    bad = {"cq": 100, "d": {"apl": 9, "by": [["bbbb", 9, 1, None, None]]}}
    fine = {"cq": 100, "d": {"apl": 0}}
    anna = await site.push("anna", bad, seconds=300, join=_named("Anna", "aaaa"))
    ben = await site.push("ben", fine, seconds=300, join=_named("Ben", "bbbb"))
    await site.summarize()
    lost = "Ben (bbbb) → Anna (aaaa) lost 9.0\u00a0% of the audio for 5\u00a0min"
    for session in (anna, ben):
        for path in (f"/sessions/{session}", f"/meetings/{session}"):
            page = await site.page(path)
            assert lost in page
            assert "Anna (aaaa) → Ben (bbbb) was fine" in page
    page = await site.page(f"/sessions/{anna}")
    assert "packet loss (audio received 9.0\u00a0%)" in page
    french = await site.page(f"/sessions/{anna}?lang=fr")
    assert "Ben (bbbb) → Anna (aaaa) a perdu 9,0\u00a0% du son pendant 5\u00a0min" in french
    assert "perte de paquets (audio reçu 9,0\u00a0%)" in french
    ways = (await site.api(f"/meetings/{anna}"))["ways"]
    assert ways["between_two"]
    assert [(way["sender"]["session"], way["state"]) for way in ways["ways"]] == [
        (ben, "bad"),
        (anna, "fine"),
    ]
    await site.close()
    arguments = ("show", anna, "--store", f"sqlite:///{file}")
    shown = await asyncio.to_thread(partial(jmmc, *arguments, folder=file.parent))
    text = " ".join(shown.stdout.split())
    assert "loss (audio received 9 %)" in text
    assert "Ben (bbbb) → Anna (aaaa) lost 9.0% of the audio for 5 min" in text
    assert "Anna (aaaa) → Ben (bbbb) was fine" in text


async def test_a_meeting_says_who_was_received_badly_by_most(store: SqliteStore) -> None:
    site = Site(store)
    bad = {"cq": 100, "d": {"apl": 9, "by": [["aaaa", 9, 6, 12, 20]]}}
    anna = await site.push("anna", {"d": {"apl": 0}}, join={"pid": "aaaa"})
    for name in ("bbbb", "cccc", "dddd", "eeee"):
        other = await site.push(name, bad, join={"pid": name})
    await site.push("ffff", {"d": {"apl": 0}}, join={"pid": "ffff"})
    await site.summarize()
    sentence = "aaaa: audio and video arrived badly at 4 of 5 others. Likely the upload of aaaa."
    assert sentence in await site.page(f"/meetings/{other}")
    assert sentence in await site.page(f"/sessions/{anna}")
    assert sentence not in await site.page(f"/sessions/{other}")
    (upload,) = (await site.api(f"/sessions/{anna}"))["ways"]["uploads"]
    assert (upload["bad"], upload["receivers"], upload["likely"]) == (4, 5, True)
    await site.close()
