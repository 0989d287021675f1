"""The search, over what sessions have in common."""

from pathlib import Path

import pytest

from jmmc.stores.sqlite.store import SqliteStore
from tests.support.site import Site


@pytest.mark.parametrize(
    ("typed", "filter_"),
    [
        ("eu", "region=eu-west"),
        ("EU-WEST", "region=eu-west"),
        ("131 chrome", "browser=Chrome+131"),
        ("198.51.100.7", "bridge=198.51.100.7"),
        ("203.0.113.0/24", "network=203.0.113.0%2F24"),
    ],
)
async def test_a_search_leads_to_the_sessions_with_a_value_that_contains_it(
    tmp_path: Path, typed: str, filter_: str
) -> None:
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    site = Site(store)
    path = {"sr": "eu-west", "brg": "198.51.100.7", "tp": "udp"}
    await site.push("anna", join={"pid": "anna", "br": "Chrome 131", "t": path})
    await site.summarize()
    page = await site.page(f"/find?q={typed.replace(' ', '+')}")
    assert f"/sessions?since=30d&amp;{filter_}" in page
    assert "No matches" not in page
    assert "No matches" in await site.page("/find?q=us-east")
    await site.close()
    await store.close()
