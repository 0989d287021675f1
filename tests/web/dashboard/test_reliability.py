"""Pages, API and command: failed joins and dropped stays beside quality."""

import asyncio
import csv
import io
import json
import re
import time
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from jmmc.maintenance.schedule import summarizer_of
from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import create_app
from tests.support.builders import call
from tests.support.commands import jmmc
from tests.support.stays import START, attempt, push_of, stay

_WINDOW = "since=2026-09-21T00:00:00&until=2026-09-21T02:00:00"
_WORLD = [
    *(stay(60 * n, 600, person=n, setup=(1000, 100, 500)) for n in range(1, 18)),
    stay(1200, 900, person=18, outcome="dropped", failure="bridge_down", setup=(1000, 100, 500)),
    attempt(300, person=40, region=""),
    attempt(330, person=40, region=""),
    attempt(400, "password", person=41),
    attempt(3000, "accept_timeout", person=42, room="closed"),
    stay(30, 300, person=60, outcome="", region="old"),
]
_FIRST_ATTEMPT = 19  # The number of its session.


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reliability") / "calls.db"

    async def fill() -> None:
        store = SqliteStore(path)
        await store.open()
        await store.append([push_of(number, made) for number, made in enumerate(_WORLD, 1)])
        async for _ in summarizer_of(store, Settings.of(), lambda: START + 86_400).upgrade():
            pass
        await store.close()

    asyncio.run(fill())
    return path


async def _get(path: Path, url: str) -> str:
    store = SqliteStore(path)
    app = create_app(Settings(store=f"sqlite:///{path}", secret="x"), store=store)
    headers = {"host": "127.0.0.1", "accept": "application/json"}
    answer = await call(app, "GET", url, client="127.0.0.1", headers=headers)
    await app.metrics.collector.close()
    assert answer.status == 200, answer.body
    return answer.body.decode()


async def _api(path: Path, url: str) -> Any:
    return json.loads(await _get(path, f"/api/v1/{url}"))


async def _page(path: Path, url: str, language: str = "en") -> str:
    """The text of a page, without its markup."""
    html = await _get(path, f"{url}{'&' if '?' in url else '?'}lang={language}")
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


async def test_the_overview_says_how_many_joins_failed_of_how_many_and_why(path: Path) -> None:
    overview = await _api(path, f"overview?{_WINDOW}")
    joins = overview["joins"]
    assert (joins["joined"], joins["failed"], joins["refused"]) == (18, 3, 1)
    assert (joins["ended"], joins["dropped"]) == (18, 1)
    assert joins["failed_share"] == round(3 / 21, 4)
    assert overview["join_reasons"] == {
        "failed": {"ice_failed": 2, "accept_timeout": 1},
        "refused": {"password": 1},
        "dropped": {"bridge_down": 1},
    }
    assert overview["setup"]["setup"] == {"count": 18, "p50": 1495, "p95": 1495}
    text = await _page(path, f"/overview?{_WINDOW}")
    assert "14.3 % of joins failed ? 3 of 21" in text
    assert "1 refused" in text
    assert "5.6 % of stays dropped 1 of 18" in text
    assert "1.5 s time to join (median)" in text
    assert "media path not connected (ICE) 2, session set-up timed out 1" in text
    french = await _page(path, f"/overview?{_WINDOW}", "fr")
    assert "14,3 % des connexions ont échoué ? 3 sur 21" in french


async def test_an_overview_without_a_script_that_tells_says_so(path: Path) -> None:
    text = await _page(path, f"/overview?{_WINDOW}&region=old")
    assert "? of joins failed ? unknown: no script tells how joins went here" in text
    overview = await _api(path, f"overview?{_WINDOW}&region=old")
    assert overview["sessions"] == 1
    assert overview["joins"]["failed_share"] is None


async def test_a_comparison_has_joins_beside_quality_also_as_a_file(path: Path) -> None:
    rows = {row["value"]: row for row in await _api(path, f"compare?by=region&{_WINDOW}")}
    assert (rows["eu"]["joins"]["joined"], rows["eu"]["joins"]["failed"]) == (18, 1)
    assert (rows[""]["sessions"], rows[""]["joins"]["failed_share"]) == (0, 1.0)
    content = await _get(path, f"/api/v1/compare?by=region&{_WINDOW}&format=csv")
    table = {row["value"]: row for row in csv.DictReader(io.StringIO(content))}
    assert table["eu"]["joins_failed"] == "1"
    assert float(table["eu"]["joins_failed_interval_low"]) < 1 / 19
    text = await _page(path, f"/compare?by=region&{_WINDOW}")
    assert "failed, 95 %" in text
    assert "5.3 %" in text
    by_codec = await _page(path, f"/compare?by=codec&{_WINDOW}")
    assert "A join that fails never learns this value" in by_codec


async def test_pairs_and_both_sides_of_a_moment_have_their_joins(path: Path) -> None:
    # Nine stays begin before 00:10, and two joins fail that have not learned their region.
    chosen = f"by=region&crossed=browser&{_WINDOW}"
    pairs = {
        (row["value"], row["crossed"]): row["joins"]
        for row in await _api(path, f"compare?{chosen}")
    }
    counted = ("joined", "failed", "refused", "dropped", "ended")
    assert [pairs["eu", "Chrome 131"][name] for name in counted] == [18, 1, 1, 1, 18]
    assert [pairs["", "Chrome 131"][name] for name in counted] == [0, 2, 0, 0, 0]
    changes = await _api(path, f"changes?at=2026-09-21T00:10&{chosen}")
    sides = {
        (row["value"], row["crossed"]): [
            [joins[name] for name in counted] for joins in (row["before_joins"], row["joins"])
        ]
        for row in changes
    }
    assert sides["eu", "Chrome 131"] == [[9, 0, 1, 0, 0], [9, 1, 0, 1, 18]]
    assert sides["", "Chrome 131"] == [[0, 2, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert sides["", ""] == [[9, 2, 1, 0, 0], [9, 1, 0, 1, 18]], "all sessions"
    text = await _page(path, f"/compare?at=2026-09-21T00:10&{chosen}")
    assert "eu \u00d7 Chrome 131 10.0 % 1 of 10" in text
    assert "unknown \u00d7 Chrome 131 ? 100.0 % 2 of 2" in text


async def test_a_failed_join_has_a_page_that_says_what_failed_and_what_to_do(path: Path) -> None:
    text = await _page(path, f"/sessions/{_FIRST_ATTEMPT:024x}")
    assert f"p{_FIRST_ATTEMPT} could not join standup failed 2026-09-21 00:05" in text
    assert "media path not connected (ICE) No path for audio and video was found." in text
    assert "failed this long after it was asked for: 0.5 s" in text
    assert "from loading to asking to join unknown from asking until it failed 0.5 s" in text
    assert "from joined until the media path not reached" in text
    french = await _page(path, f"/sessions/{_FIRST_ATTEMPT:024x}", "fr")
    assert "chemin média non établi (ICE)" in french
    dropped = await _page(path, f"/sessions/{18:024x}")
    assert "This stay was dropped" in dropped
    assert "no bridge available" in dropped
    assert "from asking until joined 1.0 s" in dropped


async def test_the_meeting_shows_the_failed_joins_of_its_room(path: Path) -> None:
    text = await _page(path, f"/meetings/{1:024x}")
    assert "Failed joins (3)" in text
    assert "2026-09-21 00:05 p19 failed media path not connected (ICE) 0.5 s" in text
    only = await _page(path, f"/meetings/{_FIRST_ATTEMPT + 3:024x}")
    assert "Nobody was in the room: every join failed." in only
    assert "session set-up timed out" in only


async def test_a_room_and_a_person_with_failed_joins_only_are_found(path: Path) -> None:
    found = await _get(path, f"/find?q=closed&{_WINDOW}")
    assert "/meetings?since=" in found
    assert "room=closed" in found
    text = await _page(path, f"/meetings?room=closed&{_WINDOW}")
    assert "Failed joins" in text
    assert "session set-up timed out" in text
    person = await _page(path, f"/participants/{42:08x}-0000-4000-8000-000000000000?{_WINDOW}")
    assert "0 sessions" in person
    assert "100.0 % of joins failed ? 1 of 1" in person


async def test_lists_say_how_many_joins_failed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = await _page(path, f"/sessions?{_WINDOW}")
    assert "Failed joins (4)" in text
    assert "Show all failed joins" not in text
    monkeypatch.setattr("jmmc.web.dashboard.lists._FEW_ATTEMPTS", 2)
    text = await _page(path, f"/meetings?{_WINDOW}")
    assert "Failed joins (4)" in text
    assert "Show all failed joins" in text


async def test_where_nobody_joined_pages_say_so(path: Path) -> None:
    refused = await _page(path, f"/participants/{41:08x}-0000-4000-8000-000000000000?{_WINDOW}")
    assert "? of joins failed ? nobody joined · 1 refused" in refused
    assert "no script tells" not in refused
    empty = await _page(path, "/overview?since=2026-08-01&until=2026-08-02")
    assert "No calls in this period." in empty
    assert "of joins failed" not in empty


async def test_before_an_erasure_the_page_says_how_much_is_stored(path: Path) -> None:
    assert "Stored: 1 session All samples" in await _page(path, "/forget?room=closed")
    person = f"{40:08x}-0000-4000-8000-000000000000"
    assert "Stored: 2 sessions All samples" in await _page(path, f"/forget?participant={person}")


async def test_the_live_page_names_the_failed_joins_of_the_last_ten_minutes(
    tmp_path: Path,
) -> None:
    path, now = tmp_path / "calls.db", int(time.time())
    store = SqliteStore(path)
    await store.open()
    recent = now - 60 - START
    made = [
        attempt(recent, "ice_failed", room="today"),
        attempt(recent + 5, "lobby", room="today"),
        attempt(recent - 700, room="earlier"),
    ]
    await store.append([push_of(number, session) for number, session in enumerate(made, 1)])
    async for _ in summarizer_of(store, Settings.of(), lambda: now).upgrade():
        pass
    await store.close()
    text = await _page(path, "/")
    assert "Failed joins in the last ten minutes 1 of 1 joins failed" in text
    assert "media path not connected (ICE) 1" in text
    assert "1 refused (not admitted from the lobby 1)" in text
    assert "earlier" not in text
    assert "0 people" in text
    assert (await _api(path, "live"))["joins"]["rates"]["failed"] == 1


async def test_attempts_are_listed_apart_from_sessions(path: Path) -> None:
    listed = await _api(path, f"sessions?{_WINDOW}&limit=100")
    assert len(listed["items"]) == 19
    attempts = await _api(path, f"attempts?{_WINDOW}")
    assert [item["failure"] for item in attempts["items"]] == [
        "accept_timeout",
        "password",
        "ice_failed",
        "ice_failed",
    ]
    failed = await _api(path, f"sessions?{_WINDOW}&outcome=failed")
    assert {item["outcome"] for item in failed["items"]} == {"failed"}
    text = await _page(path, f"/sessions?{_WINDOW}&outcome=refused")
    assert "password not given" in text
    assert "ICE" not in text
    dropped = await _page(path, f"/sessions?{_WINDOW}&outcome=dropped")
    assert "outcome: dropped" in dropped
    rows = await _get(path, f"/api/v1/export?what=attempts&format=csv&{_WINDOW}")
    table = list(csv.DictReader(io.StringIO(rows)))
    assert [row["failure"] for row in table][:2] == ["accept_timeout", "password"]
    assert table[0]["setup_join_ms"] == "500"
    summaries = await _get(path, f"/api/v1/export?what=summaries&format=csv&{_WINDOW}")
    assert len(list(csv.DictReader(io.StringIO(summaries)))) == 19
    of_network = f"{_WINDOW}&network=198.51.41.0/24"
    timeline = await _get(path, f"/api/v1/export?what=timeline&format=csv&{of_network}")
    reasons = [row["join_failure"] for row in csv.DictReader(io.StringIO(timeline))]
    assert reasons == ["password"], "it is stored like a session"


def test_the_command_reports_lists_and_shows_them(path: Path, tmp_path: Path) -> None:
    window = ("--since", "2026-09-21T00:00:00Z", "--until", "2026-09-21T02:00:00Z")
    store = ("--store", f"sqlite:///{path}")

    def run(*words: str) -> str:
        done = jmmc(words[0], *store, *words[1:], folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return " ".join(done.stdout.split())

    report = run("report", *window, "--by", "region")
    assert "joins 3 of 21 failed, 14.3% (95 %: " in report
    assert "1 refused: password not given 1" in report
    assert "stays 1 of 18 dropped, 5.6%" in report
    assert "time to join 1,495 ms (median)" in report
    assert "95 % of failed" in report
    failed = run("sessions", "--failed", *window)
    assert failed.count("media path not connected (ICE)") == 2
    assert failed.count("password") == 1
    assert run("sessions", "--outcome", "refused", *window).count("refused") == 1
    shown = run("show", f"{_FIRST_ATTEMPT:024x}")
    assert "the join failed; nobody was in the room" in shown
    assert "reason media path not connected (ICE)" in shown
    assert "No path for audio and video was found." in shown
    exported = run("export", "--what", "attempts", "--format", "ndjson")
    assert exported.count('"outcome":"failed"') == 3
