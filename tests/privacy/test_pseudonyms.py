"""Pseudonyms: the same name stays the same, and asking by the real one finds it."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from jmmc.core.model import SessionFilter
from jmmc.maintenance.schedule import summarizer_of
from jmmc.privacy.pseudonyms import Pseudonyms, jitsi_room_name
from jmmc.protocol.admission import Policy
from jmmc.server.preflight import inspect
from jmmc.settings import Settings
from jmmc.stores import open_store
from jmmc.web.site import create_app
from tests.support.builders import UID, body, call, v1_body, wire_sample
from tests.support.commands import jmmc

_KEY = "a long and random key"
_ROOM = "r%c3%a9union%20secrete"
_WINDOW = "since=2020-01-01&until=2099-01-01"  # The sessions begin now.
_BOTH = Pseudonyms("both", _KEY)


def test_a_pseudonym_has_the_form_of_the_name_and_depends_on_the_key() -> None:
    owner = Policy(".*", _BOTH).owner(UID.upper(), _ROOM, "0" * 32)
    assert owner == Policy(".*", Pseudonyms("both", _KEY)).owner(UID, _ROOM, "0" * 32)
    uid, conf, session = owner
    assert Policy(".*").owner(uid, conf, None) == (uid, conf, "")
    assert session == Policy(".*").owner(UID, _ROOM, "0" * 32)[2]
    assert (uid, conf) != (UID, _ROOM)
    assert Pseudonyms("both", "another").browser_id(UID) != uid
    assert Pseudonyms("both", "another").room(_ROOM) != conf


@pytest.mark.parametrize(
    ("which", "kept"), [("none", {UID, _ROOM}), ("uid", {_ROOM}), ("conf", {UID})]
)
def test_only_the_fields_of_the_setting_get_pseudonyms(which: Any, kept: set[str]) -> None:
    pseudonyms = Pseudonyms(which, _KEY)
    assert {pseudonyms.browser_id(UID), pseudonyms.room(_ROOM)} & {UID, _ROOM} == kept


def test_a_query_may_give_a_name_or_its_pseudonym() -> None:
    uid, conf = _BOTH.browser_id(UID), _BOTH.room(_ROOM)
    for asked in (SessionFilter(_ROOM, UID.upper()), SessionFilter(conf, uid)):
        assert _BOTH.as_stored(asked) == SessionFilter(conf, uid)
    assert _BOTH.as_stored(SessionFilter()) == SessionFilter()
    assert conf in _BOTH.search_texts(" R\u00e9union secrete ")
    assert jitsi_room_name("R\u00e9union Secrete") == jitsi_room_name(_ROOM) == _ROOM


async def test_no_real_name_is_stored_and_queries_by_real_names_work(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    settings = Settings.of(store=url, secret="x", pseudonyms="both", pseudonym_key=_KEY)
    store = open_store(url)
    app = create_app(settings, store=store)
    pushes = [body(conf=_ROOM), body(wire_sample(1, {"cq": 50}), conf=_ROOM)]
    for content in (*pushes, v1_body({"br": "br", "pid": "x"}, conf=_ROOM)):
        answer = await call(app, "POST", f"{settings.prefix}/push", content)
        assert answer.status == 200

    async def ask(path: str) -> Any:
        answer = await call(app, "GET", path, client="127.0.0.1")
        assert answer.status == 200, answer
        return answer

    uid, conf = _BOTH.browser_id(UID), _BOTH.room(_ROOM)
    stored = [session async for session in store.sessions(SessionFilter())]
    assert {(session.browser_id, session.room) for session in stored} == {(uid, conf)}
    async for _ in summarizer_of(store, settings, time.time).rebuild():
        pass
    found = (await ask(f"/api/v1/participants/{UID}?{_WINDOW}")).json
    assert (found["participant_id"], found["sessions"]) == (uid, 2)
    for name in (_ROOM, conf):
        assert len((await ask(f"/api/v1/sessions?room={quote(name)}&{_WINDOW}")).json["items"]) == 2
        assert (await ask(f"/api/v1/rooms/{name}?{_WINDOW}")).json
        assert conf.encode() in (await ask(f"/meetings?room={quote(name)}&{_WINDOW}")).body
    for text in ("R\u00e9union secrete", UID):
        assert (await ask(f"/api/v1/search?q={quote(text)}")).json[0]["name"] in (uid, conf)
    await app.metrics.close()
    for file in tmp_path.iterdir():
        assert UID.encode() not in file.read_bytes()
        assert b"union" not in file.read_bytes()

    environ = {
        "JMMC_STORE": url,
        "JMMC_PSEUDONYMS": "both",
        "JMMC_PSEUDONYM_KEY": _KEY,
    }

    def run(*options: str) -> str:
        done = jmmc(*options, **environ)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert len(run("export", "--participant", UID).splitlines()) == 2
    assert (
        len(
            json.loads(
                run(
                    "sessions", "--room", _ROOM, "--json", "--until", "2099-01-01", "--since", "24h"
                )
            )
        )
        > 0
    )
    assert "2 sessions and 2 summaries" in run("forget", "--room", _ROOM, "--dry-run")


@pytest.mark.parametrize(("key", "verdict"), [("", "warn"), (_KEY, "ok")])
async def test_check_warns_of_a_missing_pseudonym_key(
    tmp_path: Path, key: str, verdict: str
) -> None:
    store = f"sqlite:///{tmp_path}/calls.db"
    settings = Settings.of(store=store, pseudonyms="uid", pseudonym_key=key)
    found = [
        finding async for finding in inspect(settings) if finding.what.startswith("pseudonyms")
    ]
    assert [row.verdict for row in found] == [verdict]


def test_a_search_looks_for_the_text_and_its_pseudonyms() -> None:
    uids, confs = Pseudonyms("uid", _KEY), Pseudonyms("conf", _KEY)
    assert uids.search_texts(" Room ") == ["Room"]
    assert uids.search_texts(UID.upper()) == [UID.upper(), uids.browser_id(UID)]
    assert confs.search_texts("Room") == ["Room", confs.room("room")]
    assert confs.search_texts(UID) == [UID, confs.room(UID)]
    assert _BOTH.search_texts("  ") == [""]
    assert Pseudonyms().search_texts(UID) == [UID]
