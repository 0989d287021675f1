"""The lists of sessions and meetings, their files, and what forms choose for all pages."""

import asyncio
import csv
import io
import re
import shutil
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from jmmc.answers import values
from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.dashboard.list_columns import SESSION_COLUMNS
from jmmc.web.site import Server, create_app
from tests.support.builders import Answer, call
from tests.web.dashboard.lives import LIVES, WINDOW, fill

_WINDOW = urlencode(WINDOW)
_NAMES = [column.name for column in SESSION_COLUMNS if column.shown]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("filled") / "calls.db"

    async def make() -> None:
        store = SqliteStore(file)
        await store.open()
        await fill(store)
        await store.close()

    asyncio.run(make())
    return file


@pytest.fixture
async def app(filled: Path, tmp_path: Path) -> AsyncIterator[Server]:
    file = shutil.copy(filled, tmp_path / "calls.db")
    app = create_app(
        Settings.of(store=f"sqlite:///{file}", secret="x", time_zone="America/New_York")
    )
    yield app
    await app.metrics.close()


async def _get(app: Server, path: str, **cookies: str) -> Answer:
    headers = {"cookie": "; ".join(f"{name}={quote(text, '')}" for name, text in cookies.items())}
    return await call(app, "GET", path, client="127.0.0.1", headers=headers if cookies else None)


async def _text(app: Server, path: str, **cookies: str) -> str:
    answer = await _get(app, path, **cookies)
    assert answer.status == 200, answer
    return answer.body.decode()


async def _rows(app: Server, path: str, **cookies: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(await _text(app, path, **cookies))))


def _times(text: str) -> list[str]:
    return re.findall(r'c-began"[^>]*><time datetime="([^"]+)"', text)


async def _redirected(app: Server, path: str, **cookies: str) -> tuple[str, dict[str, str], str]:
    """Path, query and cookie to which a form leads."""
    answer = await _get(app, path, **cookies)
    assert answer.status == 303, answer
    target = urlsplit(answer.headers["location"])
    query = {name: values[0] for name, values in parse_qs(target.query).items()}
    return target.path, query, answer.headers.get("set-cookie", "")


async def test_the_file_of_a_list_has_its_columns_order_and_filter_on_all_pages(
    app: Server,
) -> None:
    chosen = f"{_WINDOW}&sort=-length"
    rows = await _rows(app, f"/sessions?{chosen}&format=csv")
    assert [name.split(" ")[0] for name in rows[0]] == _NAMES
    lengths = [int(row["length (s)"]) for row in rows]
    assert lengths == sorted(lengths, reverse=True)
    assert len(rows) == len(LIVES) == 60
    shown = await _text(app, f"/sessions?{chosen}")
    assert len(_times(shown)) == 50, "one page of the two that the file has"
    poor = await _rows(app, f"/sessions?{chosen}&grade=poor&format=csv", columns_sessions="grade")
    assert {*poor[0]} == {"grade"}
    assert {row["grade"] for row in poor} == {"poor"}


async def test_the_file_of_the_meetings_has_every_meeting_of_the_api(app: Server) -> None:
    rows = await _rows(app, f"/meetings?{_WINDOW}&format=csv&sort=room", tz="UTC")
    meetings = (await _get(app, f"/api/v1/meetings?{_WINDOW}")).json
    assert sorted(row["began (UTC)"] for row in rows) == sorted(
        meeting["began"].replace("Z", "+00:00") for meeting in meetings
    )
    assert sorted(int(row["people"]) for row in rows) == sorted(
        meeting["participants"] for meeting in meetings
    )


async def test_lists_and_their_files_are_filtered_by_length(app: Server) -> None:
    for name in ("sessions", "meetings"):
        every = [
            int(row["length (s)"]) for row in await _rows(app, f"/{name}?{_WINDOW}&format=csv")
        ]
        chosen = f"{_WINDOW}&min_minutes=10&max_minutes=30.5"
        rows = await _rows(app, f"/{name}?{chosen}&format=csv")
        expected = sorted(length for length in every if 600 <= length <= 1830)
        assert 0 < len(expected) < len(every)
        assert sorted(int(row["length (s)"]) for row in rows) == expected
        shown = await _text(app, f"/{name}?{chosen}")
        assert "minutes, at most: <b>30.5</b>" in shown
        assert f"/api/v1/{name}?{_WINDOW}".replace("&", "&amp;") in shown


async def test_the_file_of_an_empty_list_has_its_heads(tmp_path: Path) -> None:
    app = create_app(Settings.of(store=f"sqlite:///{tmp_path}/x.db", secret="x"))
    rows = await _rows(app, "/sessions?format=csv")
    assert rows == []
    assert (await _text(app, "/sessions?format=csv")).startswith("room,person,began (UTC),")
    await app.metrics.close()


async def test_times_are_in_the_zone_that_the_reader_chose(app: Server) -> None:
    path = f"/sessions?{_WINDOW}&sort=began"
    for cookies, zone, offset in (
        ({}, "America/New_York", "-04:00"),
        ({"browser_zone": "Asia/Tokyo"}, "Asia/Tokyo", "+09:00"),
        ({"tz": "server", "browser_zone": "Asia/Tokyo"}, "America/New_York", "-04:00"),
        ({"tz": "Europe/Paris"}, "Europe/Paris", "+02:00"),
        ({"tz": "UTC"}, "UTC", "+00:00"),
        ({"tz": "no/zone"}, "America/New_York", "-04:00"),
    ):
        text = await _text(app, path, **cookies)
        assert f'title="{zone}">{zone.partition("/")[2].replace("_", " ") or zone}</span>' in text
        assert "UTC" not in re.sub(r"<option.*?</option>", "", text) or zone == "UTC"
        row = (await _rows(app, f"{path}&format=csv", **cookies))[0]
        began = row[f"began ({zone})"]
        assert began.endswith(offset)
        assert f">{began[:16].replace('T', ' ')}</time>" in text


async def test_a_form_remembers_a_zone_and_leads_back_to_the_page(app: Server) -> None:
    path, query, cookie = await _redirected(app, "/compare?by=os&since=7d&tz=UTC&tz_name=")
    assert (path, query) == ("/compare", {"by": "os", "since": "7d"})
    assert cookie.startswith("tz=UTC;")
    _, _, cookie = await _redirected(app, "/?tz=browser&tz_name=Europe/Paris")
    assert cookie.startswith("tz=Europe%2FParis;")
    refused = await _get(app, "/?tz=browser&tz_name=Paris")
    assert (refused.status, b"expected a time zone such as" in refused.body) == (400, True)


async def test_times_of_a_form_are_those_of_its_zone(app: Server) -> None:
    form = {"since": "2026-09-21T10:00", "until": "2026-09-21T12:30", "wall": "Europe/Paris"}
    _, query, _ = await _redirected(app, f"/overview?{urlencode(form)}")
    assert query == {"since": "2026-09-21T08:00:00Z", "until": "2026-09-21T10:30:00Z"}


async def test_a_form_remembers_the_columns_of_its_list(app: Server) -> None:
    form = f"{_WINDOW}&list=sessions&columns=length&columns=room&columns=nonsense"
    _, query, cookie = await _redirected(app, f"/sessions?{form}")
    assert query == WINDOW
    assert cookie.startswith("columns_sessions=room.length;")
    text = await _text(app, f"/sessions?{_WINDOW}", columns_sessions="room.length")
    assert re.findall(r'<th class="c-(\w+)', text) == ["room", "length"]
    assert len(re.findall(r'name="columns" value="\w+" checked', text)) == 2
    text = await _text(app, f"/meetings?{_WINDOW}", columns_sessions="room.length")
    assert "c-people" in text, "the other list has its own columns"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ({"browser": "131 CHROME"}, {"browser": "Chrome 131"}),
        ({"browser": "131"}, {"browser": "Chrome 131|Edge 131"}),
        ({"browser": "chrome"}, {"browser": "Chrome"}),
        ({"browser": "netscape"}, {"browser": "netscape"}),
        (
            {"region": "WEST eu", "name": "", "grade": "poor"},
            {"region": "eu-west", "grade": "poor"},
        ),
    ],
)
async def test_what_is_typed_in_a_filter_finds_the_stored_value(
    app: Server, typed: dict[str, str], meant: dict[str, str]
) -> None:
    query = urlencode({**WINDOW, **typed, "typed": "1"})
    path, found, _ = await _redirected(app, f"/sessions?{query}")
    assert (path, found) == ("/sessions", {**WINDOW, **meant})


async def test_a_part_of_several_rooms_leads_to_the_search(app: Server) -> None:
    path, query, _ = await _redirected(app, f"/meetings?{_WINDOW}&typed=1&room=room")
    assert (path, query) == ("/find", {"q": "room"})


async def test_the_menu_and_the_rows_keep_time_range_and_filters(app: Server) -> None:
    text = await _text(app, f"/meetings?{_WINDOW}&region=eu-west&sort=room")
    carried = urlencode({**WINDOW, "region": "eu-west"}).replace("&", "&amp;")
    for target in ("/overview", "/compare", "/sessions", "/"):
        assert f'href="{target}?{carried}"' in text
    assert re.search(rf'href="/meetings/[0-9a-f]{{24}}\?{re.escape(carried)}"', text)


async def test_heads_sort_by_the_useful_direction_first_and_then_the_other(app: Server) -> None:
    text = await _text(app, f"/sessions?{_WINDOW}&sort=-length")
    heads: dict[str, Any] = dict(re.findall(r'<th class="c-(\w+).*?sort=([\w-]+)"', text))
    assert heads["length"] == "length"
    assert (heads["began"], heads["room"], heads["grade"]) == ("-began", "room", "-poor")
    assert re.findall(r'c-(\w+)[^>]*aria-sort="(\w+)"', text) == [("length", "descending")]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/sessions?sort=weather", "Order “weather”: </b>expected began, length"),
        ("/meetings?sort=network", "expected began, length, room, people"),
        ("/sessions?rating=9", "Rating “9”: </b>expected 1, 2, 3, 4, 5"),
        ("/meetings?since=today&until=yesterday", "the start must be earlier than the end"),
        (
            "/sessions?min_minutes=5&max_minutes=1",
            "the least length must not be more than the greatest (got 5, 1)",
        ),
        ("/meetings?cause=moon", "Likely cause “moon”: </b>expected line, machine"),
        ("/meetings?cursor=1", "expected the cursor of an earlier answer"),
        ("/sessions?cursor=1&sort=poor", "expected the cursor of an earlier answer"),
    ],
)
async def test_an_invalid_request_says_what_is_allowed(app: Server, path: str, words: str) -> None:
    answer = await _get(app, path)
    assert answer.status == 400
    assert words in answer.body.decode()


@pytest.mark.parametrize(
    ("path", "field", "sentence", "typed"),
    [
        (
            "/sessions?since=someday",
            "since",
            "indiquez une date",
            'name="since" required value="someday"',
        ),
        (
            "/overview?since=2026-09-22T10:00&until=2026-09-21T10:00",
            "since",
            "le début doit précéder la fin",
            'value="2026-09-21T10:00"',
        ),
        (
            "/meetings?grade=bad",
            "grade",
            "valeurs admises\u00a0: bon, moyen",
            '<option value="bad" selected>',
        ),
        (
            "/compare?by=region&at=2020-01-01T00:00",
            "at",
            "dans la période",
            'value="2020-01-01T00:00"',
        ),
        (
            "/compare?by=weather&crossed=os",
            "by",
            "valeurs admises\u00a0: navigateur",
            'value="os" selected',
        ),
        ("/usage?by=day&tz=Paris", "tz", "fuseau horaire comme UTC", 'name="tz" value="Paris"'),
        ("/incidents?until=soon", "until", "indiquez une date", 'value="soon"'),
        ("/sessions?tz_name=Paris", "zone", "fuseau horaire comme UTC", 'value="Paris"'),
        (f"/agreement?browser=1&typed=1&{_WINDOW}", "browser", "précisez", 'value="1"'),
    ],
)
async def test_a_form_keeps_what_was_typed_and_says_at_the_field_what_is_wrong(
    app: Server, path: str, field: str, sentence: str, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values, "MOST_RESOLVED", 1)
    answer = await _get(app, path, lang="fr")
    text = unescape(answer.body.decode())
    assert answer.status == 400
    assert typed in text
    assert f'aria-describedby="error-{field}"' in text
    said = re.search(rf'id="error-{field}"[^>]*>([^<]*)<', text)
    assert said is not None
    assert sentence in said[1]


async def test_what_is_unknown_is_called_by_its_kind_in_the_language_of_the_page(
    app: Server,
) -> None:
    for path, english, french in (
        (f"/sessions/{'f' * 24}", "session ffff", "session ffff"),
        (f"/meetings/{'f' * 24}", "meeting ffff", "réunion ffff"),
        ("/incidents/iffffffffffffffff", "incident ifff", "incident ifff"),
        (f"/participants/{'f' * 8}?{_WINDOW}", "no session in this window", "aucune session dans"),
        ("/nothing", "no such page", "cette page n\u2019existe pas"),
    ):
        for language, sentence in (("en", english), ("fr", french)):
            answer = await _get(app, path, lang=language)
            assert answer.status == 404
            assert sentence in unescape(answer.body.decode())


async def test_values_are_suggested_by_the_api(app: Server) -> None:
    found = (await _get(app, f"/api/v1/values?of=browser&q=131+chr&{_WINDOW}")).json
    sessions = (await _get(app, f"/api/v1/sessions?browser=Chrome+131&limit=500&{_WINDOW}")).json
    assert found == [{"value": "Chrome 131", "sessions": len(sessions["items"])}]
    refused = await _get(app, "/api/v1/values?of=grade")
    assert refused.status == 400


async def test_words_of_the_api_are_periods_of_the_zone_that_it_names(app: Server) -> None:
    async def start(query: str) -> str:
        return str((await _get(app, f"/api/v1/overview?since=today&{query}")).json["since"])

    assert (await start("tz=UTC")).endswith("T00:00:00Z")
    assert (await start("tz=Asia/Kolkata")).endswith("T18:30:00Z")
    assert (await start("")).endswith(("T04:00:00Z", "T05:00:00Z")), "of the setting time_zone"
