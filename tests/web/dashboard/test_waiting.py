"""A page whose answer takes long is begun before it is there, and ends as it would have."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from jmmc.core.errors import StoreError
from jmmc.quality.rollups import Rollup
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import Server
from tests.web.dashboard.lives import WINDOW, fill

_QUERY = "&".join(f"{name}={value}" for name, value in WINDOW.items())
_MAIN = '<main id="main" tabindex="-1">'
Slowly = Callable[..., asyncio.Event]
_COUNTING = '<p class="waiting" role="status"><b>Overview</b> Loading …</p>'


class Reader:
    """A browser that reads a page as it comes; `whole` when it has all of it."""

    def __init__(self, app: Server, *, accept: str = "text/html,*/*", query: str = _QUERY) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.text = ""
        self._came = asyncio.Event()
        self._left = asyncio.Event()
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/overview",
            "query_string": query.encode(),
            "headers": [(b"accept", accept.encode())],
            "client": ("127.0.0.1", 1),
            "root_path": "",
        }
        self.whole: asyncio.Task[None] = asyncio.ensure_future(
            app(scope, self._receive, self._send)  # type: ignore[arg-type]
        )

    async def something(self) -> str:
        """What has come, as soon as something has."""
        await asyncio.wait_for(self._came.wait(), 10)
        return self.text

    def leave(self) -> None:
        self._left.set()

    async def _receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        elif message.get("body"):
            self.text += message["body"].decode()
            self._came.set()


@pytest.fixture(autouse=True)
async def day(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jmmc.web.dashboard.routes._STREAM_AFTER", 0)
    await fill(store)


@pytest.fixture
def slowly(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> Slowly:
    """Let an overview be counted when something has happened, or fail then; tells who gives up."""
    rollups = store.reports.rollups

    def slow(happened: asyncio.Event, error: Exception | None = None) -> asyncio.Event:
        given_up = asyncio.Event()

        async def counting(*asked: Any) -> list[Rollup]:
            try:
                await asyncio.wait_for(happened.wait(), 60)
            except asyncio.CancelledError:
                given_up.set()
                raise
            if error:
                raise error
            return await rollups(*asked)

        monkeypatch.setattr(store.reports, "rollups", counting)
        return given_up

    return slow


async def test_the_head_of_a_page_comes_before_its_answer_and_the_rest_is_as_ever(
    app: Server, slowly: Slowly
) -> None:
    piece = Reader(app, accept="*/*")
    await piece.whole
    head, _, content = piece.text.partition(_MAIN)
    slowly(counted := asyncio.Event())
    reader = Reader(app, query=f"{_QUERY}&lang=en")
    began = await reader.something()
    assert began.partition(_MAIN)[0] == head
    assert began.endswith(f"{_COUNTING}\n")
    counted.set()
    await reader.whole
    assert reader.text == began + content
    assert reader.headers["content-security-policy"] == piece.headers["content-security-policy"]
    assert reader.headers["set-cookie"].startswith("lang=en")
    assert (piece.status, reader.status) == (200, 200)


@pytest.mark.parametrize(
    ("error", "said"),
    [(StoreError("no disk"), ("503", "The store is down", "no disk")), (ValueError("x"), ("400",))],
)
async def test_what_goes_wrong_after_the_head_is_said_in_the_page(
    app: Server, slowly: Slowly, error: Exception, said: tuple[str, ...]
) -> None:
    slowly(begun := asyncio.Event(), error)
    reader = Reader(app)
    await reader.something()
    begun.set()
    await reader.whole
    script = Reader(app, accept="application/json")
    await script.whole
    _, _, content = reader.text.partition(_COUNTING)
    assert all(text in content for text in said)
    assert content.rstrip().endswith("</html>")
    assert str(script.status) == said[0], "who does not read pages is told by the status"
    assert _COUNTING not in script.text


async def test_a_mistake_of_ours_after_the_head_is_said_too_and_told_in_the_log(
    app: Server, slowly: Slowly, caplog: pytest.LogCaptureFixture
) -> None:
    slowly(begun := asyncio.Event(), RuntimeError("a bug"))
    reader = Reader(app)
    await reader.something()
    begun.set()
    with pytest.raises(RuntimeError):
        await reader.whole
    assert "Something went wrong here" in reader.text
    assert "request_failed" in caplog.text


async def test_who_leaves_ends_the_counting(app: Server, slowly: Slowly) -> None:
    given_up = slowly(asyncio.Event())
    reader = Reader(app)
    await reader.something()
    reader.leave()
    await asyncio.wait_for(given_up.wait(), 10)
    await reader.whole
