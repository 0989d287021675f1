"""The endpoints of browsers: their responses and headers, and hosts that mount them."""

import asyncio
import gzip
import json
import time
import zlib
from pathlib import Path
from typing import Any

import brotli
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from jmmc import MetricsCollector, Settings, SettingsError, UnusableStore, open_store
from jmmc.core.errors import Rejected, StoreError
from jmmc.core.model import Receipt, Refusal
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.browser.script import SCRIPT_NAMES, Script, ScriptName
from jmmc.web.http import Header, Request
from tests.support.builders import CHROME, UID, body, call, v1_body, wire_sample
from tests.support.collectors import MakeCollector, stored
from tests.support.waiting import wait_until_async


@pytest.fixture
def app(make_collector: MakeCollector) -> MetricsCollector:
    return make_collector()


async def test_the_script_has_its_settings_filled_in(make_collector: MakeCollector) -> None:
    app = make_collector(push_url="https://metrics.example.org/push", push_interval=20, ip="none")
    answer = await call(app, "GET", "/getClient?v=1")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/javascript; charset=utf-8"
    text = answer.body.decode()
    assert '"push_url": "https://metrics.example.org/push"' in text
    assert '"push_interval": 20' in text
    assert '"collect_ip": false' in text
    assert "JMMC_SETTINGS" not in text


@pytest.mark.parametrize(
    ("name", "most", "part"),
    [("getReport", 2400, "qualityLimitationDurations"), ("getQuestion", 1536, "How was the call?")],
)
async def test_what_only_some_pages_need_are_small_scripts_of_their_own(
    app: MetricsCollector, name: str, most: int, part: str
) -> None:
    answer = await call(app, "GET", f"/{name}", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-type"] == "application/javascript; charset=utf-8"
    assert len(answer.body) <= most
    assert part in gzip.decompress(answer.body).decode()
    assert part not in Script(Settings()).plain.body.decode()


@pytest.mark.parametrize(
    "chosen",
    [{"identify": "jwt"}, {"support_code": "code"}, {"ask_rating": 0.1}, {"collect_devices": True}],
)
def test_the_part_about_people_is_served_only_when_it_is_asked_for(chosen: dict[str, Any]) -> None:
    plain, with_people = (
        Script(settings).plain.body for settings in (Settings(), Settings.of(**chosen))
    )
    assert b"jmmc_rating" not in plain
    assert b"jmmc_rating" in with_people


@pytest.mark.parametrize("name", SCRIPT_NAMES)
def test_each_script_is_at_most_8_kib_gzipped(name: ScriptName) -> None:
    script = Script(Settings(), name)
    assert len(script.gzip.body) <= 8 * 1024
    assert gzip.decompress(script.gzip.body) == script.plain.body
    assert brotli.decompress(script.brotli.body) == script.plain.body


def test_the_script_with_all_about_people_is_at_most_8_kib_gzipped() -> None:
    settings = Settings.of(
        identify="display_name", support_code="notice", ask_rating=0.25, collect_devices=True
    )
    for name in ("getClient", "getEmbedder"):
        assert len(Script(settings, name).gzip.body) <= 8 * 1024, name
    assert len(Script(settings, "getReport").gzip.body) <= 3 * 1024


def test_the_part_for_calls_has_what_is_about_people_only_when_it_is_asked_for() -> None:
    plain, devices, notice = (
        Script(Settings.of(**chosen), "getReport").plain.body
        for chosen in ({}, {"collect_devices": True}, {"support_code": "notice"})
    )
    assert b"enumerateDevices" not in plain
    assert b"enumerateDevices" in devices
    assert b"SHOW_NOTIFICATION" in notice


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", None),
        ("identity", None),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("gzip; q=0.0", None),
        ("nonsense;;,=", None),
    ],
)
async def test_the_script_is_compressed_as_the_browser_accepts(
    app: MetricsCollector, accepted: str, encoding: str | None
) -> None:
    answer = await call(app, "GET", "/getClient", headers={"accept-encoding": accepted})
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "accept-encoding, user-agent"
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br"])
async def test_a_cached_script_gets_304(app: MetricsCollector, encoding: str) -> None:
    headers = {"accept-encoding": encoding}
    first = await call(app, "GET", "/getClient", headers=headers)
    headers["if-none-match"] = f'"other", W/{first.headers["etag"]}'
    again = await call(app, "GET", "/getClient", headers=headers)

    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert "no-store" not in first.headers["cache-control"]


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", "getClient"),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/156.0", "getClient"),
        ("okhttp/4.12.0", "getApp"),
        ("JitsiMeet/13.2.0 CFNetwork/1568.100.1 Darwin/24.0.0", "getApp"),
        (None, "getApp"),
    ],
)
async def test_a_page_and_an_app_get_their_scripts_from_one_url(
    app: MetricsCollector, agent: str | None, name: ScriptName
) -> None:
    headers = {} if agent is None else {"user-agent": agent}
    answer = await call(app, "GET", "/getClient", headers=headers)
    assert answer.body == Script(app.collector.settings, name).plain.body
    direct = await call(app, "GET", f"/{name}", headers=headers)
    assert (direct.body == answer.body) == (name == "getApp" or agent is not None)


async def test_browsers_may_use_a_script_of_the_last_day_while_the_collector_is_down(
    app: MetricsCollector,
) -> None:
    answer = await call(app, "GET", "/getClient")
    assert answer.headers["cache-control"] == (
        "public, max-age=0, stale-while-revalidate=86400, stale-if-error=86400"
    )


async def test_other_settings_change_the_etag_of_the_script(
    app: MetricsCollector, make_collector: MakeCollector
) -> None:
    first = await call(app, "GET", "/getClient")
    other = await call(make_collector(push_interval=31), "GET", "/getClient")
    assert first.headers["etag"] != other.headers["etag"]


async def test_head_gets_the_headers_of_get_without_a_body(app: MetricsCollector) -> None:
    whole = await call(app, "GET", "/getClient")
    head = await call(app, "HEAD", "/getClient")
    assert (head.status, head.body) == (200, b"")
    assert head.headers == whole.headers


def test_no_setting_can_break_out_of_the_script() -> None:
    settings = Settings.model_construct(
        **{**Settings().model_dump(), "push_url": "</script>\u2028'\"\\<!--"}
    )
    text = Script(settings).plain.body.decode()
    assert "</script" not in text
    assert "<!--" not in text
    assert "\u2028" not in text
    assert "\\u003c/script\\u003e\\u2028'" in text


_CROSS = {"origin": "https://meet.example.org"}


@pytest.mark.parametrize(
    ("allowed", "origin", "expected"),
    [
        ("*", None, {}),
        ("*", "https://meet.example.org", {"access-control-allow-origin": "*"}),
        ("", "https://meet.example.org", {}),
        (
            "https://meet.example.org",
            "https://meet.example.org",
            {
                "access-control-allow-origin": "https://meet.example.org",
                "access-control-allow-credentials": "true",
                "vary": "origin",
            },
        ),
        ("https://meet.example.org", "https://evil.example", {"vary": "origin"}),
        ("https://meet.example.org", "null", {"vary": "origin"}),
        (
            "https://meet.example.org,*",
            "https://other.example",
            {"access-control-allow-origin": "*", "vary": "origin"},
        ),
    ],
)
async def test_cors_headers_follow_the_allowed_origins(
    make_collector: MakeCollector, allowed: str, origin: str | None, expected: dict[str, str]
) -> None:
    app = make_collector(allowed_origins=allowed)
    headers = {"origin": origin} if origin else {}
    for content in (body(), b"{"):  # confirmations and refusals alike
        answer = await call(app, "POST", "/push", content, headers=headers)
        cors = {
            name: value
            for name, value in answer.headers.items()
            if (name.startswith("access-control") or name == "vary")
            and name != "access-control-expose-headers"
        }
        assert cors == expected


async def test_a_preflight_is_valid_for_a_day(make_collector: MakeCollector) -> None:
    app = make_collector(allowed_origins="https://meet.example.org")
    answer = await call(app, "OPTIONS", "/push", headers=_CROSS)
    assert answer.status == 204
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == "content-type"
    assert answer.headers["access-control-max-age"] == "86400"

    refused = await call(app, "OPTIONS", "/push", headers={"origin": "https://evil.example"})
    assert not any(header.startswith("access-control") for header in refused.headers)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/push/", 404),
        ("GET", "/getclient", 404),
        ("GET", "/../pyproject.toml", 404),
        ("GET", "/push", 405),
        ("PUT", "/push", 405),
        ("POST", "/getClient", 405),
        ("DELETE", "/objectId", 405),
    ],
)
async def test_unknown_paths_get_404_and_other_methods_405(
    app: MetricsCollector, method: str, path: str, status: int
) -> None:
    answer = await call(app, method, path)
    assert answer.status == status
    assert answer.json["error"]
    if status == 405:
        assert method not in answer.headers["allow"]


async def test_the_session_cookie_is_httponly_and_limited_to_the_prefix(
    app: MetricsCollector,
) -> None:
    answer = await call(app, "POST", "/push", v1_body({"br": "br"}), root_path="/metrics")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("jmmc_objectId=" + answer.json["jmmc_objectId"])
    assert cookie.endswith("; Path=/metrics; Secure; HttpOnly; SameSite=None")


@pytest.mark.parametrize(
    ("client", "forwarded", "address"),
    [
        ("192.0.2.2", "198.51.100.1", 3221225986),
        ("127.0.0.1", "198.51.100.1", 3325256705),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("::ffff:192.0.2.2", None, 3221225986),
        (None, None, None),
    ],
)
async def test_the_stored_address_is_that_of_the_client_behind_trusted_proxies(
    make_collector: MakeCollector,
    client: str | None,
    forwarded: str | None,
    address: int | str | None,
) -> None:
    app = make_collector(ip="full")
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    await call(app, "POST", "/push", body(), headers=headers, client=client)
    (session,) = await stored(app)
    assert json.loads(session.samples[0].readings).get("t", {}).get("rip") == address


@pytest.mark.parametrize(
    ("client", "network"), [("192.0.2.2", 3221225984), ("2001:db8:1:2::3", "2001:db8:1::")]
)
async def test_addresses_are_truncated_to_their_network_by_default(
    app: MetricsCollector, client: str, network: int | str
) -> None:
    join = {"br": "x", "t": {"ip": 3221225986, "p": 443, "lip": 167772165, "lp": 50000}}
    samples = (wire_sample(0, {"pid": "x"}), wire_sample(1, join, full=True))
    await call(app, "POST", "/push", body(*samples), client=client)
    await call(app, "POST", "/push", v1_body({"br": "br", "pid": "x"}), client=client)
    v2, v1 = sorted(await stored(app), key=lambda session: -len(session.samples))
    assert json.loads(v1.samples[0].readings)["t"] == {"rip": network}
    whole = {"ip": 3221225984, "lip": 167772160, "rip": network}
    assert [json.loads(sample.readings)["t"] for sample in v2.samples] == [{"rip": network}, whole]


async def test_the_log_contains_no_names_and_addresses(
    app: MetricsCollector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    pushes = [body(), body(conf="secret room"), body(uid="secret"), body(wire_sample(1, "secret"))]
    for content in (*pushes, v1_body({"cq": "secret"}), b"{secret"):
        await call(app, "POST", "/push", content, client="192.0.2.2")
    assert len(caplog.records) >= 5
    assert not [private for private in ("192.0.2", "secret", UID) if private in caplog.text]


async def test_no_address_is_stored_with_ip_none(make_collector: MakeCollector) -> None:
    app = make_collector(ip="none")
    await call(app, "POST", "/push", body())
    await call(app, "POST", "/push", v1_body({"br": "br", "pid": "x"}))
    assert all(b"rip" not in session.samples[0].readings for session in await stored(app))


async def test_object_id_answers_whether_a_session_is_stored(app: MetricsCollector) -> None:
    answer = await call(app, "POST", "/push", v1_body({"br": "br"}))
    session = answer.json["jmmc_objectId"]
    known = await call(app, "GET", f"/objectId?jmmc_id={session}")
    assert (known.status, known.json) == (200, True)
    assert (await call(app, "GET", f"/objectId?jmmc_id={session.upper()}")).json is True
    assert (await call(app, "GET", "/objectId?jmmc_id=" + "0" * 24)).json is False
    for wrong in ("", "jmmc_id=", "jmmc_id=xyz", "jmmc_id=" + "0" * 25, "jmmc_id=%00"):
        assert (await call(app, "GET", f"/objectId?{wrong}")).status == 400


async def test_health_counts_the_outcomes_of_pushes(app: MetricsCollector) -> None:
    await call(app, "POST", "/push", body())
    await call(app, "POST", "/push", body(wire_sample(1, {"cq": "x"})))
    await call(app, "POST", "/push", body(wire_sample(2, {}, age=-5)))
    await call(app, "POST", "/push", body(uid="x"))
    health = (await call(app, "GET", "/healthz")).json
    assert health["status"] == "up"
    assert (health["pushes"]["accepted"], health["pushes"]["trimmed"]) == (2, 1)
    assert health["pushes"]["rejected"]["bad_uid"] == 1
    assert health["clamped_ages"] == 1


async def test_ready_means_that_the_store_takes_writes(app: MetricsCollector) -> None:
    answer = await call(app, "GET", "/readyz")
    assert (answer.status, answer.json["status"]) == (200, "ready")


class Broken(SqliteStore):
    """A store whose disk may fail."""

    broken = False

    async def append(self, pushes: Any) -> list[Receipt | Refusal]:
        if self.broken:
            raise StoreError("disk I/O error")
        return await super().append(pushes)

    async def check(self) -> None:
        if self.broken:
            raise StoreError("disk I/O error")
        await super().check()


async def test_a_failing_store_gets_503_and_the_push_succeeds_later(
    make_collector: MakeCollector, tmp_path: Path
) -> None:
    store = Broken(tmp_path / "broken.db")
    app = make_collector(store=store)
    await call(app, "POST", "/push", body())
    store.broken = True
    answer = await call(app, "POST", "/push", body(wire_sample(1, {"cq": 5})))
    assert (answer.status, answer.json["error"]) == (503, "store_down")
    assert int(answer.headers["retry-after"]) > 0
    assert (await call(app, "GET", "/readyz")).status == 503

    store.broken = False
    again = await call(app, "POST", "/push", body(wire_sample(1, {"cq": 5})))
    assert (again.status, again.json["ack"]) == (200, 1)


async def test_a_full_queue_refuses_at_once(make_collector: MakeCollector, tmp_path: Path) -> None:
    gate, entered = asyncio.Event(), asyncio.Event()

    class Slow(SqliteStore):
        async def append(self, pushes: Any) -> list[Receipt | Refusal]:
            entered.set()
            await gate.wait()
            return await super().append(pushes)

    app = make_collector(store=Slow(tmp_path / "slow.db"), queue_limit=4)
    sids = [f"{number:032x}" for number in range(12)]
    waiting = [asyncio.create_task(call(app, "POST", "/push", body(sid=sids[0])))]
    await entered.wait()  # One is with the store, and stays there: of the others four may wait.
    waiting += [asyncio.create_task(call(app, "POST", "/push", body(sid=sid))) for sid in sids[1:]]
    await wait_until_async(lambda: sum(task.done() for task in waiting) >= 7, pause=0.01)
    busy = [task.result() for task in waiting if task.done()]
    assert {(answer.status, answer.json["error"]) for answer in busy} == {(503, "busy")}
    assert all("retry-after" in answer.headers for answer in busy)

    gate.set()
    answers = await asyncio.gather(*waiting)
    confirmed = [answer for answer in answers if answer.status == 200]
    assert len(confirmed) == 5
    assert len(await stored(app)) == len(confirmed)


async def test_a_crowded_collector_asks_browsers_to_push_less_often(
    make_collector: MakeCollector, tmp_path: Path
) -> None:
    entered, gate = asyncio.Event(), asyncio.Event()

    class Slow(SqliteStore):
        async def append(self, pushes: Any) -> list[Receipt | Refusal]:
            entered.set()
            await gate.wait()
            return await super().append(pushes)

    app = make_collector(store=Slow(tmp_path / "slow.db"), queue_limit=4, push_interval=30)
    waiting = []
    for number in range(5):
        push = call(app, "POST", "/push", body(sid=f"{number:032x}"))
        waiting.append(asyncio.create_task(push))
        await entered.wait()
        await wait_until_async(lambda: app.collector.waiting >= number, pause=0)  # noqa: B023
    gate.set()
    answers = [answer.json for answer in await asyncio.gather(*waiting)]
    # The first is under way, three wait; the last found more than half of the queue taken.
    assert [answer.get("interval") for answer in answers] == [None, None, None, None, 60]


async def test_a_sender_over_its_rate_limit_gets_429_with_retry_after(
    make_collector: MakeCollector,
) -> None:
    app = make_collector(max_pushes_per_minute=2)
    answers = [await call(app, "POST", "/push", body(sid=f"{number:032x}")) for number in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].json["error"] == "throttled"
    assert 0 < int(answers[2].headers["retry-after"]) <= 60
    assert (await call(app, "POST", "/push", body(), client="198.51.100.9")).status == 200


async def test_a_large_push_uses_up_what_many_small_ones_do(make_collector: MakeCollector) -> None:
    """What it counts beyond the allowance is waited for, so that it is not refused for ever."""
    app = make_collector(max_pushes_per_minute=60)
    large = body(*(wire_sample(seq, {}) for seq in range(600)))
    assert (await call(app, "POST", "/push", large)).status == 200
    refused = await call(app, "POST", "/push", body(sid="1" * 32))
    assert refused.status == 429
    assert 10 < int(refused.headers["retry-after"]) < 60
    assert (await call(app, "POST", "/push", body(), client="198.51.100.9")).status == 200


async def test_pushes_of_a_full_school_behind_one_address_are_stored(
    make_collector: MakeCollector,
) -> None:
    """1,500 people who join at once and send four pushes in a minute, scaled down by 10."""
    app = make_collector(max_pushes_per_minute=600)
    readings = {"cq": 100, "u": {"bw": 347.33, "pl": 0.1}, "d": {"bw": 812.5, "pl": 0}, "rtt": 23}
    for first in range(0, 12, 3):
        samples = [wire_sample(first + place, readings) for place in range(3)]
        for number in range(149):
            answer = await call(app, "POST", "/push", body(*samples, sid=f"{number:032x}"))
            assert answer.status == 200


async def test_an_address_opens_a_bounded_number_of_sessions_and_those_go_on(
    make_collector: MakeCollector,
) -> None:
    app = make_collector(max_pushes_per_minute=400)
    sids = [f"{number:032x}" for number in range(110)]
    opened = [(await call(app, "POST", "/push", body(sid=sid))).status for sid in sids]
    assert 429 not in opened[:100]
    assert 429 in opened[100:], "a quarter of the pushes"
    refused = await call(app, "POST", "/push", body(sid="f" * 32))
    assert "too many sessions" in refused.json["detail"]
    assert 1 <= int(refused.headers["retry-after"]) <= 6, "ten a minute are allowed from then on"
    assert (await call(app, "POST", "/push", v1_body({"br": "br"}))).status == 429, (
        "of each dialect"
    )
    for sid in sids[:100]:
        answer = await call(app, "POST", "/push", body(wire_sample(1, {}), sid=sid))
        assert answer.status == 200
    assert (await call(app, "POST", "/push", body(), client="198.51.100.9")).status == 200


async def _overload() -> None:
    """Block the event loop again and again, so that pushes would be delayed."""
    for _ in range(16):
        time.sleep(0.25)  # noqa: ASYNC251
        await asyncio.sleep(0.015)


async def test_beside_many_attacking_addresses_a_light_address_is_answered(
    make_collector: MakeCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While pushes are delayed, addresses that send much are refused before their body is read."""
    monkeypatch.setattr("jmmc.collector._LOAD_PERIOD", 0.01)
    app = make_collector(max_pushes_per_minute=100)
    attackers = [f"198.51.100.{number}" for number in range(30)]
    for client in attackers:
        assert (await call(app, "POST", "/push", body(), client=client)).status == 200
    await _overload()
    for number, client in enumerate(attackers):
        answers = [
            await call(app, "POST", "/push", body(sid=f"{100 * number + n:032x}"), client=client)
            for n in range(14)
        ]
        statuses = [answer.status for answer in answers]
        assert statuses == sorted(statuses)
        assert 1 <= statuses.count(200) <= 13, "of new sessions few are allowed"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        light = await call(
            app,
            "POST",
            "/push",
            body(wire_sample(1 + number, {"cq": 90})),
            client="203.0.113.7" if number % 2 else "203.0.113.8",
        )
        assert light.status == 200
    assert app.collector.counters.rejected["throttled"] > 30


async def test_an_office_behind_one_address_is_not_refused_while_the_collector_is_overloaded(
    make_collector: MakeCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 people who push every 30 seconds are 1,000 pushes a minute, scaled down here by 10."""
    monkeypatch.setattr("jmmc.collector._LOAD_PERIOD", 0.01)
    app = make_collector(max_pushes_per_minute=600)
    sids = [f"{number:032x}" for number in range(50)]
    for number, sid in enumerate(sids):
        assert (await call(app, "POST", "/push", body(sid=sid))).status == 200
        other = f"203.0.113.{number}"
        assert (await call(app, "POST", "/push", body(), client=other)).status == 200
    await _overload()
    for seq in (1, 2):
        for sid in sids:
            answer = await call(app, "POST", "/push", body(wire_sample(seq, {}), sid=sid))
            assert answer.status == 200


async def test_the_body_of_a_refused_push_is_not_read(make_collector: MakeCollector) -> None:
    app = make_collector(max_pushes_per_minute=1)
    assert (await call(app, "POST", "/push", body())).status == 200
    assert (await call(app, "POST", "/push", b"x" * 70_000)).status == 429


@pytest.mark.parametrize(
    "request_", [("GET", "/getClient"), ("GET", "/objectId"), ("OPTIONS", "/push"), ("GET", "/no")]
)
async def test_an_address_gets_a_bounded_number_of_scripts_and_other_small_answers(
    make_collector: MakeCollector, request_: tuple[str, str]
) -> None:
    app = make_collector(max_pushes_per_minute=400)
    statuses = [(await call(app, *request_)).status for _ in range(110)]
    assert 429 not in statuses[:100]
    assert 429 in statuses[100:], "a quarter of the pushes"
    refused = await call(app, *request_)
    assert refused.json["error"] == "throttled"
    assert int(refused.headers["retry-after"]) == 1
    assert (await call(app, *request_, client="198.51.100.9")).status != 429
    assert (await call(app, "POST", "/push", body())).status == 200, "pushes are counted apart"
    assert (await call(app, "GET", "/healthz")).status == 200, "and so are checks of health"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_an_address_asks_for_the_health_a_bounded_number_of_times(
    make_collector: MakeCollector, path: str
) -> None:
    app = make_collector(max_pushes_per_minute=1)
    statuses = [(await call(app, "GET", path)).status for _ in range(65)]
    assert statuses[:60] == [200] * 60, "however few pushes are allowed"
    assert 429 in statuses[60:]
    assert (await call(app, "GET", path, client="198.51.100.9")).status == 200
    assert (await call(app, "GET", "/getClient")).status == 200


async def test_a_refusal_closes_the_connection_of_a_browser_and_not_of_a_proxy(
    make_collector: MakeCollector,
) -> None:
    app = make_collector(max_pushes_per_minute=1, trusted_proxies="10.0.0.1")
    for client, headers, closed in (
        ("203.0.113.7", {}, "close"),
        ("10.0.0.1", {"x-forwarded-for": "203.0.113.8"}, None),
    ):
        answers = [
            await call(app, "POST", "/push", body(), client=client, headers=headers)
            for _ in range(2)
        ]
        assert [answer.status for answer in answers] == [200, 429]
        assert [answer.headers.get("connection") for answer in answers] == [None, closed]


async def test_a_session_that_sends_more_than_its_budget_has_to_wait(
    make_collector: MakeCollector,
) -> None:
    """A day's samples at once are allowed: a browser may have been offline for as long."""
    app = make_collector(max_pushes_per_minute=0)
    for first in range(0, 8640, 720):
        samples = [wire_sample(seq, {}) for seq in range(first, first + 720)]
        assert (await call(app, "POST", "/push", body(*samples))).status == 200
    refused = await call(app, "POST", "/push", body(wire_sample(8640, {})))
    assert refused.status == 429
    assert refused.json["error"] == "throttled"
    assert 1 <= int(refused.headers["retry-after"]) <= 4
    assert (await call(app, "POST", "/push", body(sid="1" * 32))).status == 200


async def test_a_seq_beyond_the_longest_session_is_refused(make_collector: MakeCollector) -> None:
    app = make_collector(max_session_days=2)
    inside, beyond = (body(wire_sample(0, {}), wire_sample(seq, {})) for seq in (17_279, 17_280))
    refused = await call(app, "POST", "/push", beyond)
    assert refused.status == 400
    assert refused.json["error"] == "session_full"
    accepted = await call(app, "POST", "/push", inside)
    assert accepted.json["ack"] == 17_279
    assert accepted.json["resync"]


@pytest.mark.parametrize("host", [FastAPI, Starlette])
def test_the_collector_works_in_a_host_without_lifespan(tmp_path: Path, host: Any) -> None:
    """The test client makes a new event loop for each request."""
    metrics = MetricsCollector(store=f"sqlite:///{tmp_path}/calls.db")
    app = host(routes=[Mount("/any/prefix", metrics)])
    client = TestClient(app)
    for seq in range(3):
        answer = client.post("/any/prefix/push", json=body(wire_sample(seq, {"cq": seq})))
        assert answer.json()["ack"] == seq
    assert client.get("/any/prefix/getClient").status_code == 200
    asyncio.run(metrics.close())


def test_a_host_can_pass_on_its_lifespan(tmp_path: Path) -> None:
    metrics = MetricsCollector(store=f"sqlite:///{tmp_path}/calls.db")
    app = FastAPI(lifespan=metrics.lifespan)
    app.mount("/m", metrics)
    with TestClient(app) as client:
        assert client.post("/m/push", json=body()).status_code == 200
    assert metrics.collector._writer is None, "closed at the end"


def test_the_collector_can_be_the_whole_app(tmp_path: Path) -> None:
    metrics = MetricsCollector(store=f"sqlite:///{tmp_path}/calls.db")
    with TestClient(metrics) as client:
        assert client.post("/push", json=body()).status_code == 200


def test_an_unusable_store_fails_the_startup(tmp_path: Path) -> None:
    (tmp_path / "calls.db").write_text("not a database" * 20)
    metrics = MetricsCollector(store=f"sqlite:///{tmp_path}/calls.db")
    with pytest.raises(UnusableStore), TestClient(FastAPI(lifespan=metrics.lifespan)):
        pass


async def test_a_closed_collector_opens_again_on_the_next_push(app: MetricsCollector) -> None:
    await call(app, "POST", "/push", body())
    await app.close()
    answer = await call(app, "POST", "/push", body(wire_sample(1, {"cq": 1})))
    assert answer.json["ack"] == 1


def test_a_store_of_the_hosts_own_is_used(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/own.db")
    assert MetricsCollector(store=store, secret="x").collector.store is store


def test_settings_are_given_whole_or_as_keywords_and_invalid_ones_are_named() -> None:
    with pytest.raises(TypeError, match="not both"):
        MetricsCollector(Settings(), port=1)
    with pytest.raises(SettingsError, match="push_interval"):
        MetricsCollector(push_interval=0)


async def test_gzip_bodies_are_accepted_and_decompression_bombs_refused(
    app: MetricsCollector,
) -> None:
    headers = {"content-encoding": "gzip"}
    good = gzip.compress(json.dumps(body()).encode())
    assert (await call(app, "POST", "/push", good, headers=headers)).status == 200
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 65_536
    answer = await call(app, "POST", "/push", bomb, headers=headers)
    assert (answer.status, answer.json["error"]) == (413, "too_large")
    for broken in (good[:-9], b"no gzip", zlib.compress(b"{}"), b""):
        answer = await call(app, "POST", "/push", broken, headers=headers)
        assert (answer.status, answer.json["error"]) == (400, "malformed")


async def test_a_body_may_arrive_in_chunks_or_not_at_all(app: MetricsCollector) -> None:
    raw = json.dumps(body()).encode()
    pieces = [raw[:10], b"", raw[10:]]
    assert (await call(app, "POST", "/push", chunks=pieces)).status == 200
    gone = await call(app, "POST", "/push", chunks=[])
    assert gone.status == 0, "the client is gone"


_CHUNK = b" " * 50_000


@pytest.mark.parametrize(
    ("headers", "chunks", "read"),
    [
        ({"content-length": "500000"}, 10, 10),
        ({}, 10, 10),
        ({}, 100, 25),
        ({"content-length": "5000000"}, 100, 0),
        ({"content-length": "500000", "expect": "100-continue"}, 10, 0),
    ],
    ids=["declared", "in chunks", "far too large in chunks", "far too large", "not begun"],
)
async def test_the_rest_of_an_oversized_body_is_read_before_the_413(
    headers: dict[str, str], chunks: int, read: int
) -> None:
    """A client whose connection closes while it sends may not see why; up to a bound it is read."""
    taken: list[int] = []

    async def receive() -> dict[str, Any]:
        taken.append(len(taken) + 1)
        return {"type": "http.request", "body": _CHUNK, "more_body": len(taken) < chunks}

    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "headers": given}, receive)
    with pytest.raises(Rejected, match="larger than 65536"):
        await request.body(limit=65_536, timeout=30)
    assert len(taken) == read


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"500000")]])
async def test_an_oversized_body_that_stalls_is_refused_within_the_timeout(
    headers: list[Header],
) -> None:
    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop()
        await asyncio.sleep(60)
        raise AssertionError("waited for the client")

    waiting = [{"type": "http.request", "body": b" " * 70_000, "more_body": True}]
    request = Request({"type": "http", "headers": headers}, receive)
    with pytest.raises(Rejected, match="larger than"):
        await request.body(limit=65_536, timeout=0.05)


async def test_the_browser_is_taken_from_the_readings_or_from_the_user_agent(
    app: MetricsCollector,
) -> None:
    headers = {"user-agent": CHROME}
    own = body(wire_sample(0, {"br": "Chrome 131", "os": "Windows 11"}))
    await call(app, "POST", "/push", own, headers=headers)
    await call(app, "POST", "/push", body(sid="0" * 32), headers=headers)
    first, second = await stored(app)
    assert json.loads(first.samples[0].readings)["os"] == "Windows 11"
    assert json.loads(second.samples[0].readings)["os"] == "Windows 10"


async def test_readings_added_by_the_server_are_in_every_full_sample(app: MetricsCollector) -> None:
    full = body(wire_sample(0, {}), wire_sample(1, {"cq": 1}), wire_sample(2, {}, full=True))
    await call(app, "POST", "/push", full, headers={"user-agent": CHROME})
    (session,) = await stored(app)
    has_address = [b"rip" in sample.readings for sample in session.samples]
    assert has_address == [True, False, True]


async def test_a_sid_known_with_another_uid_is_refused(app: MetricsCollector) -> None:
    await call(app, "POST", "/push", body())
    stranger = body(wire_sample(1, {}), uid=UID.replace("a", "b"))
    answer = await call(app, "POST", "/push", stranger)
    assert (answer.status, answer.json["error"]) == (400, "bad_sid")
