"""A slow page: its head is sent before its content."""

import asyncio
import re
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
SlowQuery = Callable[..., asyncio.Event]
_LOADING = '<p class="waiting" role="status"><b>Overview</b> Loading …</p>'


class Reader:
    """A client that reads a page chunk by chunk; `response` is done at its end."""

    def __init__(
        self,
        app: Server,
        *,
        path: str = "/overview",
        accept: str = "text/html,*/*",
        query: str = _QUERY,
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.text = ""
        self._arrived = asyncio.Event()
        self._disconnected = asyncio.Event()
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": query.encode(),
            "headers": [(b"accept", accept.encode())],
            "client": ("127.0.0.1", 1),
            "root_path": "",
        }
        self.response: asyncio.Task[None] = asyncio.ensure_future(
            app(scope, self._receive, self._send)  # type: ignore[arg-type]
        )

    async def first_chunk(self) -> str:
        """Return what has arrived, as soon as something has."""
        await asyncio.wait_for(self._arrived.wait(), 10)
        return self.text

    def disconnect(self) -> None:
        self._disconnected.set()

    async def _receive(self) -> dict[str, Any]:
        await self._disconnected.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        elif message.get("body"):
            self.text += message["body"].decode()
            self._arrived.set()


@pytest.fixture(autouse=True)
async def day(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jmmc.web.dashboard.routes._STREAM_AFTER", 0)
    await fill(store)


@pytest.fixture
def slow_query(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> SlowQuery:
    """Let the query of an overview wait for an event, then answer or fail.

    Returns an event that is set when the query is cancelled.
    """
    rollups = store.reports.rollups

    def slow(
        released: asyncio.Event,
        error: Exception | None = None,
        began: asyncio.Event | None = None,
    ) -> asyncio.Event:
        cancelled = asyncio.Event()

        async def slow_rollups(*arguments: Any, **named: Any) -> list[Rollup]:
            asking = asyncio.current_task()
            if asking is not None and asking.get_name().startswith("jmmc-"):
                return await rollups(*arguments, **named)  # A background task: nobody waits for it.
            if began is not None:
                began.set()
            try:
                await asyncio.wait_for(released.wait(), 60)
            except asyncio.CancelledError:
                cancelled.set()
                raise
            if error:
                raise error
            return await rollups(*arguments, **named)

        monkeypatch.setattr(store.reports, "rollups", slow_rollups)
        return cancelled

    return slow


def _without_token(head: str) -> str:
    """The head of a page without the token of its forms, which tells the second."""
    return re.sub(r'name="form" value="[^"]+"', "", head)


async def test_the_head_of_a_slow_page_is_sent_first_and_the_content_is_unchanged(
    app: Server, slow_query: SlowQuery
) -> None:
    complete = Reader(app, accept="*/*")
    await complete.response
    head, _, content = complete.text.partition(_MAIN)
    slow_query(released := asyncio.Event())
    reader = Reader(app, query=f"{_QUERY}&lang=en")
    first = await reader.first_chunk()
    assert _without_token(first.partition(_MAIN)[0]) == _without_token(head)
    assert first.endswith(f"{_LOADING}\n")
    released.set()
    await reader.response
    assert reader.text == first + content
    assert reader.headers["content-security-policy"] == complete.headers["content-security-policy"]
    assert reader.headers["set-cookie"].startswith("lang=en")
    assert (complete.status, reader.status) == (200, 200)


@pytest.mark.parametrize("name", ["Meetings", "Sessions"])
async def test_a_slow_list_has_its_head_first_and_its_file_is_whole(app: Server, name: str) -> None:
    path = f"/{name.lower()}"
    page = Reader(app, path=path, query=f"{_QUERY}&sort=room")
    await page.response
    assert f"<b>{name}</b> Loading …</p>" in page.text
    assert page.text.index('class="skip" href="#rows"') < page.text.index(' id="rows"'), "by keys"
    assert page.text.count("<h1>") == 1
    file = Reader(app, path=path, query=f"{_QUERY}&sort=room&format=csv")
    await file.response
    assert file.headers["content-type"].startswith("text/csv")
    assert file.text.startswith("room,")


@pytest.mark.parametrize(
    ("error", "texts"),
    [(StoreError("no disk"), ("503", "The store is down", "no disk")), (ValueError("x"), ("400",))],
)
async def test_an_error_after_the_head_is_shown_in_the_page(
    app: Server, slow_query: SlowQuery, error: Exception, texts: tuple[str, ...]
) -> None:
    slow_query(released := asyncio.Event(), error)
    reader = Reader(app)
    await reader.first_chunk()
    released.set()
    await reader.response
    client = Reader(app, accept="application/json")
    await client.response
    _, _, content = reader.text.partition(_LOADING)
    assert all(text in content for text in texts)
    assert content.rstrip().endswith("</html>")
    assert str(client.status) == texts[0], "a client that is no browser gets the status"
    assert client.headers.get("retry-after") == ("5" if client.status == 503 else None)
    assert _LOADING not in client.text


async def test_an_unexpected_error_after_the_head_is_shown_and_logged(
    app: Server, slow_query: SlowQuery, caplog: pytest.LogCaptureFixture
) -> None:
    slow_query(released := asyncio.Event(), RuntimeError("a bug"))
    reader = Reader(app)
    await reader.first_chunk()
    released.set()
    with pytest.raises(RuntimeError):
        await reader.response
    assert "Something went wrong here" in reader.text
    assert "request_failed" in caplog.text


async def test_a_client_that_disconnects_cancels_the_query(
    app: Server, slow_query: SlowQuery
) -> None:
    cancelled = slow_query(asyncio.Event(), began=(began := asyncio.Event()))
    reader = Reader(app)
    await reader.first_chunk()
    await asyncio.wait_for(began.wait(), 10)
    reader.disconnect()
    await asyncio.wait_for(cancelled.wait(), 10)
    await reader.response
