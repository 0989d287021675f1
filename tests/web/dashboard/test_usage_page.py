"""What the usage page says of one period, and of the change since the period before."""

import asyncio
import json
import re
from html import unescape
from pathlib import Path

import pytest

from jmmc.core.model import Dialect, Push, Sample
from jmmc.maintenance.schedule import summarizer_of
from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import create_app
from tests.support.builders import UID, call

_MONDAY = 1_749_459_600  # 2025-06-09T09:00:00Z
_DAY = 86_400
_HEADERS = {"host": "127.0.0.1", "accept": "application/json"}
_GOOD = {"rtt": 20, "u": {"pl": 0, "jit": 2}, "d": {"pl": 0, "jit": 2, "cnc": 0, "frz": 0}}
_POOR = {"rtt": 900, "u": {"pl": 40, "jit": 200}, "d": {"pl": 40, "jit": 200, "cnc": 40, "frz": 60}}


def _push(session: str, start: int, readings: dict[str, object]) -> Push:
    """A call of ten minutes."""
    later = [
        Sample(number, start + 10 * number, json.dumps(readings).encode())
        for number in range(1, 61)
    ]
    return Push(session * 24, "room", UID, Dialect.V2, (Sample(0, start, b"{}"), *later))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One call on Sunday and on Monday, good; on Tuesday, poor; on Thursday, good."""
    path = tmp_path_factory.mktemp("usage") / "calls.db"

    async def fill() -> None:
        store = SqliteStore(path)
        await store.open()
        calls = [(-1, _GOOD), (0, _GOOD), (1, _POOR), (3, _GOOD)]
        pushes = [_push(str(day + 2), _MONDAY + day * _DAY, with_) for day, with_ in calls]
        await store.append(pushes)
        summarizer = summarizer_of(store, Settings.of(), lambda: _MONDAY + 9 * _DAY)
        async for _ in summarizer.upgrade():
            pass
        await store.close()

    asyncio.run(fill())
    return path


def _page(store: Path, last_day: str, language: str = "en") -> str:
    """The markup of the page by day, with the latest period `last_day`."""

    async def ask() -> str:
        app = create_app(Settings(store=f"sqlite:///{store}", secret="x"), store=SqliteStore(store))
        url = f"/usage?by=day&since=2025-06-09T00:00Z&until={last_day}"
        headers = {**_HEADERS, "accept-language": language}
        answer = await call(app, "GET", url, client="127.0.0.1", headers=headers)
        await app.metrics.collector.close()
        assert answer.status == 200, answer.headers.get("location")
        return answer.body.decode()

    return unescape(asyncio.run(ask())).replace("\u00a0", " ").replace("\u202f", " ")


def _text(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", markup).split())


def test_a_change_from_no_poor_time_at_all_is_a_change(store: Path) -> None:
    """Nothing poor on Monday, all of it on Tuesday: 100 points more."""
    assert "+100.0 points" in _text(_page(store, "2025-06-10"))


@pytest.mark.parametrize(("language", "words"), [("en", "▲ from 0"), ("fr", "▲ contre 0")])
def test_a_change_from_nothing_says_so(store: Path, language: str, words: str) -> None:
    """No meeting on Wednesday, one on Thursday."""
    assert words in _text(_page(store, "2025-06-12", language))


def test_a_change_to_nothing_is_a_fall_by_all_of_it(store: Path) -> None:
    assert "▼ 100 %" in _text(_page(store, "2025-06-11"))


@pytest.mark.parametrize(
    ("language", "names"), [("en", ("1 meeting", "1 stay")), ("fr", ("1 réunion", "1 session"))]
)
def test_the_bar_of_a_single_meeting_or_stay_names_one(
    store: Path, language: str, names: tuple[str, str]
) -> None:
    page = _page(store, "2025-06-10", language)
    bars = re.findall(r'aria-label="(1 [^"]*)"', page)
    assert bars == [*names]
