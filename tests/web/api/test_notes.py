"""Notes over HTTP: who may write them, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from jmmc.accounts import tokens
from jmmc.settings import Settings
from jmmc.stores import open_store
from jmmc.web.site import Server, create_app
from tests.support.builders import Answer, call

_PATH = "/api/v1/notes"


@pytest.fixture
def app(tmp_path: Path) -> Server:
    store = open_store(f"sqlite:///{tmp_path}/a.db")
    return create_app(Settings.of(secret="x"), store=store)


async def _post(app: Server, content: Any, **headers: str) -> Answer:
    return await call(app, "POST", _PATH, content, headers=headers, client="127.0.0.1")


async def test_a_note_is_written_listed_and_removed(app: Server) -> None:
    text = "upgraded <bridge> 2"
    span = {"text": text, "at": "2026-11-01T10:00", "until": "2026-11-01T10:30:00+01:00"}
    assert (await _post(app, span)).status == 400, "it ends before it begins"
    span["until"] = "2026-11-01T12:30:00+01:00"
    added = (await _post(app, span)).json
    assert added == {
        "id": added["id"],
        "at": "2026-11-01T10:00:00Z",
        "until": "2026-11-01T11:30:00Z",
        "text": text,
        "by": "",
    }
    get = {"client": "127.0.0.1"}
    assert (await call(app, "GET", f"{_PATH}?since=2026-11-01T11:00", **get)).json == [added]
    assert (await call(app, "GET", f"{_PATH}?until=2026-11-01", **get)).json == []
    table = await call(app, "GET", f"{_PATH}?format=csv", **get)
    assert table.body.decode().splitlines()[0] == "id,at,until,text,by"
    path = f"{_PATH}/{added['id']}"
    assert (await call(app, "DELETE", path, **get)).json == []
    assert (await call(app, "DELETE", path, **get)).status == 404
    await app.metrics.close()


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b'{"text": 1}', {}, 400),
        (b'{"text": "x", "when": "now"}', {}, 400),
        (b'{"text": "x", "at": "someday"}', {}, 400),
        (b'{"text": "x"}', {"content-type": "text/plain"}, 415),
        (b'{"text": "x"}', {"sec-fetch-site": "cross-site"}, 403),
        (b" " * 20_000, {}, 413),
    ],
)
async def test_a_note_that_cannot_be_read_or_comes_from_another_site_is_refused(
    app: Server, content: bytes, headers: dict[str, str], status: int
) -> None:
    assert (await _post(app, content, **headers)).status == status
    assert (await call(app, "GET", _PATH, client="127.0.0.1")).json == []
    await app.metrics.close()


async def test_a_token_writes_notes_by_its_scope_and_under_its_name(app: Server) -> None:
    store = app.metrics.collector.store
    await store.open()
    keys = {
        scope: await tokens.create(store.reports, scope, [scope], 0)
        for scope in ("read", "export", "erase", "note")
    }
    for scope, key in keys.items():
        answer = await _post(app, {"text": "x"}, authorization=f"Bearer {key}")
        assert answer.status == (200 if scope == "note" else 403)
    assert answer.json["by"] == "note"
    await app.metrics.close()
