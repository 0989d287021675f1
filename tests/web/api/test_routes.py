"""The API: its answers, its access rules and its problems."""

import asyncio
import csv
import io
import json
import re
import shutil
import threading
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

import msgspec
import pyarrow.parquet
import pytest

from jmmc.accounts import tokens
from jmmc.alerting.decision import State
from jmmc.alerting.evaluator import Record
from jmmc.core.model import Dialect, Push, SessionFilter
from jmmc.core.timestamps import to_iso
from jmmc.settings import Settings
from jmmc.simulation.scenario import STEP
from jmmc.stores import Store
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.api import exports
from jmmc.web.site import Server, create_app
from tests.support.builders import Answer, call
from tests.web.dashboard.lives import LIVES, WINDOW, fill

_WINDOW = urlencode(WINDOW)


async def _fill(file: Path) -> None:
    store = SqliteStore(file)
    await store.open()
    await fill(store)
    await store.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("filled") / "calls.db"
    asyncio.run(_fill(file))
    return file


@pytest.fixture
def file(filled: Path, tmp_path: Path) -> Path:
    """A store for one test, with simulated calls whose results are known."""
    return shutil.copy(filled, tmp_path / "calls.db")


async def _get(app: Server, path: str, **more: Any) -> Answer:
    return await call(app, "GET", f"/api/v1{path}", client="127.0.0.1", **more)


@pytest.mark.parametrize(
    "path",
    [
        f"/overview?{_WINDOW}",
        f"/rooms?{_WINDOW}&limit=3",
        f"/rooms/{LIVES[0].session.room.replace('%', '%25')}?{_WINDOW}",
        f"/meetings?{_WINDOW}",
        f"/meetings/{LIVES[3].session.id}",
        f"/sessions?{_WINDOW}&browser=Chrome",
        f"/sessions/{LIVES[3].session.id}",
        f"/participants/{LIVES[3].session.browser_id}?{_WINDOW}",
        *(
            f"/compare?{_WINDOW}&by={name}"
            for name in ("browser", "os", "region", "network", "codec")
        ),
        f"/usage?{_WINDOW}&period=week",
        "/search?q=room",
    ],
)
async def test_every_path_answers_json_with_times_in_iso(app: Server, path: str) -> None:
    answer = await _get(app, path)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    text = answer.body.decode()
    assert answer.json
    assert "2026-09-2" in text or "/compare" in path
    assert not re.search(r":17899\d{5}\b", text), "a time as a number"


def _moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


async def test_answers_agree_with_the_simulated_calls(app: Server) -> None:
    overview = (await _get(app, f"/overview?{_WINDOW}")).json
    assert overview["sessions"] == 60
    assert overview["rooms"] == len({life.session.room for life in LIVES})
    seconds = sum(life.ended - life.began for life in LIVES)
    assert overview["minutes"] == (seconds + 30) // 60
    life = next(life for life in LIVES if life.problems)
    session = (await _get(app, f"/sessions/{life.session.id}")).json
    assert session["summary"]["region"] == life.region
    assert session["summary"]["samples"] == len(life.session.samples)
    assert (session["times"][0], session["times"][-1]) == (to_iso(life.began), to_iso(life.ended))
    spans = [
        (_moment(span["start"]), _moment(span["end"]), span["grade"])
        for span in session["grade_spans"]
    ]
    assert (spans[0][0], spans[-1][1]) == (life.began, life.ended)
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    edges = [edge for problem in life.problems for edge in (problem.start, problem.end)]
    for start, end, grade in spans:
        for moment in range(start, end):
            # A sample in which a problem begins or ends has the mean of both.
            if all(abs(moment - edge) > STEP for edge in edges):
                bad = any(problem.start <= moment < problem.end for problem in life.problems)
                assert grade in (("fair", "poor") if bad else ("good",)), moment
    for attributed in session["spells"]:
        spell = attributed["spell"]
        assert any(
            problem.start - STEP <= _moment(spell["start"]) < problem.end
            for problem in life.problems
        )
    assert session["spells"]


async def test_a_room_may_be_named_as_people_read_it(app: Server) -> None:
    stored = next(life.session.room for life in LIVES if "%" in life.session.room)
    readable = quote(unquote(stored).upper(), "")
    assert readable not in (stored, quote(stored, ""))
    answers = [
        (await _get(app, f"/{path}{_WINDOW}{room}")).json
        for path in ("sessions?", "meetings?")
        for room in (f"&room={quote(stored, '')}", f"&room={readable}")
    ]
    assert answers[0]["items"]
    assert answers[0] == answers[1]
    assert answers[2] == answers[3] == (await _get(app, f"/rooms/{readable}?{_WINDOW}")).json


async def test_meetings_are_sorted_and_filtered_as_on_their_page(app: Server) -> None:
    newest = (await _get(app, f"/meetings?{_WINDOW}")).json
    chosen = (await _get(app, f"/meetings?{_WINDOW}&sort=-minutes&min_minutes=20")).json
    lengths = {row["id"]: _seconds(row["ended"]) - _seconds(row["began"]) for row in newest}
    assert {row["id"] for row in chosen} == {id_ for id_ in lengths if lengths[id_] >= 1200}
    assert 0 < len(chosen) < len(newest)
    minutes = [row["minutes"] for row in chosen]
    assert minutes == sorted(minutes, reverse=True)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


async def test_cursors_lead_through_every_item_once(app: Server) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        answer = (await _get(app, f"/sessions?{_WINDOW}&limit=25{cursor}")).json
        seen += [session["session"] for session in answer["items"]]
        if answer["next"] is None:
            break
        cursor = f"&cursor={answer['next']}"
    assert len(seen) == len(set(seen)) == 60


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/overview?since=someday", 400, "expected a date or time"),
        ("/overview?since=2026-09-23&until=2026-09-22", 400, "since must be earlier than until"),
        ("/overview?until=0001-01-01", 400, "from 1970-01-01"),
        ("/overview?since=9999-12-30&until=9999-12-31T23:59:59-23:59", 400, "to 9999-12-31"),
        ("/overview?grade=bad", 400, "expected good, fair, poor, unknown"),
        ("/overview?weather=bad", 400, "Unknown parameter weather"),
        ("/sessions?room[$ne]=x", 400, "Unknown parameter room[$ne]"),
        ("/sessions?limit=0", 400, "1..500"),
        ("/sessions?cursor=x", 400, "cursor"),
        ("/sessions?max_minutes=-1", 400, "expected a number of minutes"),
        ("/meetings?sort=network", 400, "expected began, length, room"),
        ("/sessions?cursor=99999999999999999999:x", 400, "cursor"),
        ("/compare?by=weather", 400, "expected browser"),
        ("/usage?period=hour", 400, "expected day"),
        ("/sessions/xyz", 400, "24 hex digits"),
        ("/sessions/" + "f" * 24, 404, "not known"),
        ("/meetings/" + "f" * 24, 404, "not known"),
        ("/participants/nobody", 404, "nobody"),
        ("/rooms/none", 404, "no session in this window"),
        ("/nothing", 404, "No such path"),
        ("/export?what=sessions&format=csv", 400, "ndjson only"),
        ("/export?format=xls", 400, "expected ndjson"),
    ],
)
async def test_an_invalid_request_gets_a_problem_with_its_reason(
    app: Server, path: str, status: int, words: str
) -> None:
    answer = await _get(app, path)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in f"{answer.json['title']} {answer.json['detail']}"


@pytest.mark.parametrize(
    "path",
    ["rooms", "meetings", "sessions", "compare?by=region", "usage", "alerts", "live"],
)
async def test_a_file_without_rows_has_the_columns_of_one_with_rows(app: Server, path: str) -> None:
    """Nightly jobs read the files of days without calls too."""
    separator = "&" if "?" in path else "?"
    has_window = path not in ("alerts", "live")
    empty = f"/{path}{separator}since=2000-01-01&until=2000-01-02&" if has_window else f"/{path}?"
    columns = (await _get(app, f"{empty}format=csv")).body.decode().strip().split(",")
    assert len(columns) >= 3
    content = (await _get(app, f"{empty}format=parquet")).body
    assert pyarrow.parquet.read_schema(io.BytesIO(content)).names == columns
    if has_window:
        full = await _get(app, f"/{path}{separator}{_WINDOW}&format=csv")
        assert full.body.count(b"\r\n") > 1
        assert full.body.decode().partition("\r\n")[0].split(",") == columns


async def test_other_methods_get_405(app: Server) -> None:
    answer = await call(app, "POST", "/api/v1/overview", client="127.0.0.1")
    assert answer.status == 405
    answer = await call(app, "POST", "/api/v1/participants/x", client="127.0.0.1")
    assert set(answer.headers["allow"].split(", ")) == {"DELETE", "GET", "HEAD"}


async def test_without_any_token_only_local_requests_are_allowed(app: Server) -> None:
    assert (await call(app, "GET", "/api/v1/overview", client="127.0.0.1")).status == 200
    assert (await call(app, "GET", "/api/v1/overview", client="::1")).status == 200
    far = await call(app, "GET", "/api/v1/overview", client="203.0.113.9")
    assert far.status == 403
    assert "jmmc token create" in far.json["detail"]
    proxied = {"x-forwarded-for": "203.0.113.9"}
    through = await call(app, "GET", "/api/v1/overview", client="127.0.0.1", headers=proxied)
    assert through.status == 403, "a proxy on this machine speaks for others"


async def test_once_a_token_exists_every_request_needs_one(app: Server, store: Store) -> None:
    secret = await tokens.create(store.reports, "ops", ["read"], 0)
    assert (await _get(app, "/overview")).status == 401
    assert (await _get(app, "/overview")).headers["www-authenticate"] == "Bearer"

    async def ask(path: str, token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        return (
            await call(app, "GET", f"/api/v1{path}", client="203.0.113.9", headers=headers)
        ).status

    assert await ask("/overview", secret) == 200
    assert await ask("/overview", secret + "x") == 401
    assert await ask("/export", secret) == 403
    taker = await tokens.create(store.reports, "taker", ["read", "export"], 0)
    assert len((await _file(app, f"{_WINDOW}&what=summaries", taker)).splitlines()) == 60
    await tokens.revoke(store.reports, "ops")
    assert await ask("/overview", secret) == 401


async def test_tokens_are_stored_as_digests_only(store: Store) -> None:
    secret = await tokens.create(store.reports, "ops", ["read"], 7)
    records = await store.reports.records("token")
    assert secret not in json.dumps([[key, record.decode()] for key, record in records.items()])
    with pytest.raises(tokens.TokenError, match="already"):
        await tokens.create(store.reports, "ops", ["read"], 7)
    with pytest.raises(tokens.TokenError, match="no token"):
        await tokens.revoke(store.reports, "none")


async def test_unknown_tokens_are_rate_limited(app: Server, store: Store) -> None:
    await tokens.create(store.reports, "ops", ["read"], 0)
    headers = {"authorization": "Bearer wrong"}
    answers = await asyncio.gather(
        *(
            call(app, "GET", "/api/v1/overview", client="203.0.113.9", headers=headers)
            for _ in range(30)
        )
    )
    assert answers[0].status == 401
    assert answers[-1].status == 429


async def test_too_many_requests_get_429_with_retry_after(store: Store) -> None:
    app = create_app(Settings.of(secret="x", max_queries_per_minute=5), store=store)
    answers = [await _get(app, "/search?q=a") for _ in range(20)]
    assert answers[0].status == 200
    assert answers[-1].status == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    await app.metrics.close()


async def test_the_openapi_document_and_the_reference_page_are_served(app: Server) -> None:
    description = (await _get(app, "/openapi.json")).json
    assert description["openapi"] == "3.1.0"
    assert "/api/v1/sessions/{id}" in description["paths"]
    began = description["components"]["schemas"]["Summary"]["properties"]["began"]
    assert began == {"type": "string", "format": "date-time"}
    page = await _get(app, "/")
    assert "GET /api/v1/overview" in page.body.decode()
    assert "default-src 'none'" in page.headers["content-security-policy"]


def _fits(value: Any, schema: dict[str, Any], components: dict[str, Any], where: str) -> None:
    if "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        errors = []
        for alternative in schema["anyOf"]:
            try:
                return _fits(value, alternative, components, where)
            except AssertionError as error:
                errors.append(str(error))
        raise AssertionError(f"{where}: {errors}")
    names = schema.get("type", [])
    types: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    allowed = tuple(types[name] for name in ([names] if isinstance(names, str) else names))
    assert not allowed or isinstance(value, allowed), f"{where}: {value!r} is no {names}"
    if isinstance(value, dict) and "properties" in schema:
        assert set(value) == set(schema["properties"]), where
        for name, field in value.items():
            _fits(field, schema["properties"][name], components, f"{where}.{name}")
    if isinstance(value, list) and "items" in schema:
        for item in value:
            _fits(item, schema["items"], components, f"{where}[]")
    return None


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/overview", _WINDOW),
        ("/rooms", _WINDOW),
        ("/meetings/{id}", ""),
        ("/sessions", _WINDOW),
        ("/incidents", _WINDOW),
        ("/sessions/{id}", ""),
        ("/compare", f"{_WINDOW}&by=browser"),
        ("/usage", _WINDOW),
        ("/search", "q=room"),
        ("/live", ""),
        ("/participants/{participant}", _WINDOW),
    ],
)
async def test_answers_match_their_schema(app: Server, path: str, query: str) -> None:
    description = (await _get(app, "/openapi.json")).json
    life = next(life for life in LIVES if life.problems)
    concrete = path.replace("{id}", life.session.id).replace(
        "{participant}", life.session.browser_id
    )
    answer = await _get(app, concrete + (f"?{query}" if query else ""))
    operation = description["paths"][f"/api/v1{path}"]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    _fits(answer.json, schema, description["components"]["schemas"], path)


async def _file(app: Server, query: str, token: str = "") -> bytes:
    body: list[bytes] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/export",
        "query_string": query.encode(),
        "headers": [(b"authorization", f"Bearer {token}".encode())] if token else [],
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        body.append(message.get("body", b""))

    await app(scope, receive, send)  # type: ignore[arg-type]
    return b"".join(body)


async def test_a_timeline_export_is_the_same_in_every_format(app: Server) -> None:
    samples = sum(len(life.session.samples) for life in LIVES)
    lines = [json.loads(line) for line in (await _file(app, _WINDOW)).splitlines()]
    assert len(lines) == samples
    rows = list(csv.DictReader(io.StringIO((await _file(app, f"{_WINDOW}&format=csv")).decode())))
    table = pyarrow.parquet.read_table(io.BytesIO(await _file(app, f"{_WINDOW}&format=parquet")))
    assert list(lines[0]) == list(rows[0]) == table.column_names
    columns = table.to_pydict()
    for number, line in enumerate(lines):
        for name in ("rtt_ms", "up_bitrate_video_kbps", "quality"):
            assert columns[name][number] == line[name]
            assert rows[number][name] == ("" if line[name] is None else str(line[name]))
        assert (
            f"{columns['time'][number]:%Y-%m-%dT%H:%M:%SZ}" == line["time"] == rows[number]["time"]
        )
    regions = {held.value for life in LIVES for held in life.regions}
    assert {line["server_region"] for line in lines} == {None, *regions}


@pytest.mark.parametrize(
    ("what", "file_format", "maker"),
    [
        ("timeline", "ndjson", "_some_lines"),
        ("timeline", "csv", "_some_lines"),
        ("timeline", "parquet", "_take_some"),
        ("sessions", "ndjson", "stored_form"),
        ("summaries", "csv", "summary_row"),
    ],
)
async def test_exports_are_made_outside_the_event_loop_some_rows_at_a_time(
    app: Server, monkeypatch: pytest.MonkeyPatch, what: str, file_format: str, maker: str
) -> None:
    threads: set[str] = set()
    make = getattr(exports, maker)

    def note_thread(*items: Any) -> Any:
        threads.add(threading.current_thread().name.partition("_")[0])
        return make(*items)

    monkeypatch.setattr(exports, maker, note_thread)
    query = f"{_WINDOW}&what={what}&format={file_format}"
    whole = await _file(app, query)
    assert threads == {"jmmc-answers"}
    monkeypatch.setattr(exports, "_ROWS", 7)
    if file_format != "parquet":  # It has groups of rows, and its bytes depend on them.
        assert await _file(app, query) == whole


async def test_a_constant_value_is_in_every_row_of_a_timeline(app: Server) -> None:
    life = max(LIVES, key=lambda life: len(life.session.samples))
    query = f"{_WINDOW}&participant={life.session.browser_id}"
    lines = [json.loads(line) for line in (await _file(app, query)).splitlines()]
    rows = [line for line in lines if line["session"] == life.session.id]
    assert all(row["browser"] == life.browser for row in rows)
    assert all(row["up_bitrate_audio_kbps"] in (32, None) for row in rows)


async def test_columns_of_exported_summaries_name_their_units(app: Server) -> None:
    text = (await _file(app, f"{_WINDOW}&what=summaries&format=csv")).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 60
    lives = {life.session.id: life for life in LIVES}
    for row in rows:
        life = lives[row["session"]]
        parts = [int(row[name]) for name in ("good_s", "fair_s", "poor_s", "unknown_s")]
        assert int(row["samples"]) == len(life.session.samples)
        assert sum(parts) == life.ended - life.began


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        (f"/overview?{_WINDOW}", "series"),
        (f"/rooms?{_WINDOW}", "items"),
        (f"/meetings?{_WINDOW}", ""),
        (f"/meetings/{LIVES[3].session.id}?", "lanes"),
        (f"/sessions?{_WINDOW}&limit=500", "items"),
        (f"/sessions/{LIVES[3].session.id}?", "times"),
        (f"/participants/{LIVES[3].session.browser_id}?{_WINDOW}", "latest"),
        (f"/compare?{_WINDOW}&by=network", ""),
        (f"/usage?{_WINDOW}", ""),
        ("/search?q=room", ""),
    ],
)
async def test_every_answer_is_available_as_a_file_of_rows(
    app: Server, path: str, rows: str
) -> None:
    answer = (await _get(app, path.rstrip("?"))).json
    expected = len(answer[rows] if rows else answer)
    csv_file = await _get(app, f"{path}&format=csv")
    assert csv_file.headers["content-type"] == "text/csv; charset=utf-8"
    assert csv_file.headers["content-disposition"].endswith('.csv"')
    read = list(csv.DictReader(io.StringIO(csv_file.body.decode())))
    table = pyarrow.parquet.read_table(io.BytesIO((await _get(app, f"{path}&format=parquet")).body))
    lines = (await _get(app, f"{path}&format=ndjson")).body.splitlines()
    assert len(read) == table.num_rows == len(lines) == expected > 0
    assert table.column_names == list(read[0])
    empty = {name for name in table.column_names if table[name].null_count == table.num_rows}
    assert {name for name in read[0] if all(row[name] == "" for row in read)} >= empty
    assert all(read[0][name] == "" for name in empty), "Parquet keeps what CSV has"


async def test_a_comparison_as_a_file_has_the_values_of_the_json_answer(app: Server) -> None:
    path = f"/compare?{_WINDOW}&by=network"
    first = (await _get(app, path)).json[0]
    body = (await _get(app, f"{path}&format=csv")).body.decode()
    row = next(csv.DictReader(io.StringIO(body)))
    assert row["value"] == first["value"]
    assert float(row["grades_poor_share"]) == first["grades"]["poor_share"]
    low, high = first["poor_interval"]
    assert [float(row[f"poor_interval_{name}"]) for name in ("low", "high")] == [low, high]


@pytest.mark.parametrize("what", ["summaries", "timeline", "sessions"])
async def test_an_export_applies_every_filter(app: Server, what: str) -> None:
    life = next(life for life in LIVES if life.problems)
    grade = "poor"
    query = f"{_WINDOW}&region={life.region}&grade={grade}"
    listed = (await _get(app, f"/sessions?{query}&limit=500")).json["items"]
    lines = (await _file(app, f"{query}&what={what}")).splitlines()
    found = [json.loads(line) for line in lines]
    ids = dict.fromkeys(row.get("session", row.get("_id")) for row in found)
    assert list(ids) == [session["session"] for session in listed]


async def test_a_name_that_looks_like_a_formula_is_escaped_in_csv(
    store: Store, app: Server
) -> None:
    samples = LIVES[0].session.samples
    room = "=cmd|'/c calc'!a1"
    await store.append([Push("e" * 24, room, LIVES[0].session.browser_id, Dialect.V2, samples)])
    text = (await _file(app, f"{_WINDOW}&format=csv")).decode()
    found = {row["room"] for row in csv.DictReader(io.StringIO(text))}
    assert f"'{room}" in found
    assert room not in found


async def test_erasing_needs_the_scope_erase(app: Server, store: Store) -> None:
    reader = await tokens.create(store.reports, "reader", ["read", "export"], 1)
    eraser = await tokens.create(store.reports, "eraser", ["erase"], 1)
    browser_id, room_name = LIVES[7].session.browser_id, LIVES[3].session.room

    async def ask(method: str, path: str, token: str) -> Answer:
        return await call(
            app, method, f"/api/v1{path}", headers={"authorization": f"Bearer {token}"}
        )

    for path in (f"/participants/{browser_id}", f"/rooms/{room_name}"):
        assert (await ask("DELETE", path, reader)).status == 403
    assert (await ask("GET", "/erasures", reader)).status == 403
    receipt = (await ask("DELETE", f"/participants/{browser_id.upper()}", eraser)).json
    sessions = [life.session for life in LIVES if life.session.browser_id == browser_id]
    assert (receipt["kind"], receipt["sessions"]) == ("participant", len(sessions))
    room_receipt = (await ask("DELETE", f"/rooms/{room_name}", eraser)).json
    assert room_receipt["sessions"]
    assert room_receipt["finished"]
    listed = (await ask("GET", "/erasures", eraser)).json
    assert {erasure["id"] for erasure in listed} == {receipt["id"], room_receipt["id"]}
    assert browser_id not in str(listed)
    assert (await ask("GET", f"/participants/{browser_id}?{_WINDOW}", reader)).status == 404


async def test_the_forget_page_erases_only_with_its_own_form(app: Server, store: Store) -> None:
    browser_id = LIVES[7].session.browser_id
    form = {"content-type": "application/x-www-form-urlencoded"}

    async def post(**fields: str) -> Answer:
        content = urlencode({"participant": browser_id, **fields}).encode()
        return await call(app, "POST", "/forget", content, headers=form, client="127.0.0.1")

    asked = await call(app, "GET", f"/forget?participant={browser_id}", client="127.0.0.1")
    (token,) = re.findall(rb'name="form" value="([^"]+)"', asked.body)
    assert (await post(form="forged")).status == 400
    assert (await post(form=token.decode(), room="both")).status == 400
    assert await store.count(SessionFilter(browser_id=browser_id))
    done = await post(form=token.decode())
    assert (done.status, b"The data was erased" in done.body) == (200, True)
    assert await store.count(SessionFilter(browser_id=browser_id)) == 0
    assert (
        await call(app, "GET", f"/forget?participant={browser_id}", client="192.0.2.1")
    ).status == 403


async def test_active_alerts_are_on_the_first_page(
    app: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_evaluation(*_: object, **__: object) -> None:
        """The evaluator would resolve an alert without a rule."""

    monkeypatch.setattr("jmmc.collector.keep_evaluating", no_evaluation)
    assert b"Active alert" not in (await call(app, "GET", "/", client="127.0.0.1")).body
    state = State("region-poor", "<eu>", 1_790_000_000, 1_790_000_100, None, {})
    record = msgspec.json.encode(Record(state, ()))
    await store.reports.put_record("alert", "region-poor <eu>", record)
    page = (await call(app, "GET", "/", client="127.0.0.1")).body.decode()
    assert "Active alert" in page
    assert "region-poor (&lt;eu&gt;)" in page
    health = (await call(app, "GET", "/health", client="127.0.0.1")).body.decode()
    assert "<td>&lt;eu&gt;</td>" in health


async def test_a_search_lists_names_and_not_every_session(app: Server) -> None:
    page = (await call(app, "GET", f"/find?q=room&{_WINDOW}", client="127.0.0.1")).body.decode()
    assert '<ul class="search-hits">' in page
    assert '<table class="list' not in page
    assert "/api/v1/search?q=room" in page
    assert (
        '<table class="list'
        in (await call(app, "GET", f"/sessions?{_WINDOW}", client="127.0.0.1")).body.decode()
    )


async def test_an_answer_that_is_too_large_is_refused_with_what_to_do(
    app: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jmmc.web.api.routes.MOST_BYTES", 1000)
    refused = await _get(app, f"/meetings?{_WINDOW}")
    assert (refused.status, refused.json["title"]) == (400, "Answer too large")
    assert "shorter time range" in refused.json["detail"]
    assert (await _get(app, f"/sessions?{_WINDOW}&limit=20&format=csv")).status == 400
    monkeypatch.setattr("jmmc.answers.lists.MOST_MEETINGS", 3)
    assert "at most 3 are listed" in (await _get(app, f"/meetings?{_WINDOW}")).json["detail"]


async def test_a_page_of_large_sessions_is_shorter_and_the_next_one_continues_it(
    app: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (await _get(app, f"/sessions?{_WINDOW}&limit=50")).json["items"]
    monkeypatch.setattr("jmmc.answers.lists._PAGE_BYTES", 10_000)
    found: list[Any] = []
    cursor = ""
    while len(found) < len(whole):
        page = (await _get(app, f"/sessions?{_WINDOW}&limit=50{cursor}")).json
        assert 0 < len(page["items"]) < 50
        found += page["items"]
        cursor = f"&cursor={page['next']}"
    assert found[: len(whole)] == whole
