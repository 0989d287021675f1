"""Dialect v1: the Express.js middleware's script works, with the documented differences."""

import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from jmmc import MetricsCollector
from jmmc.core.model import Session, SessionFilter
from jmmc.protocol.identity import COOKIE, CookieSigner
from tests.support.builders import CHROME, UID, Answer, call, v1_body
from tests.support.collectors import MakeCollector
from tests.support.paths import ROOT
from tests.support.recordings import v1_bodies

DOCS = ROOT / "docs/how-to/migrating.md"


@pytest.fixture
def app(make_collector: MakeCollector) -> MetricsCollector:
    return make_collector(
        ip="full",
        conf_pattern="[A-Za-z]+[0-9]+[A-Za-z]*|brkroom|v6|mdns|ffroom",
        authorized_regions=["REGION1", "eu-rig"],
    )


class StockScript:
    """A browser with the script of the Express.js middleware: it keeps the cookie of the answer."""

    def __init__(self, app: MetricsCollector) -> None:
        self.app = app
        self.headers = {"user-agent": CHROME}

    async def push(self, content: Any, **headers: str) -> Answer:
        answer = await call(self.app, "POST", "/push", content, headers={**self.headers, **headers})
        if "set-cookie" in answer.headers:
            self.headers["cookie"] = answer.headers["set-cookie"].partition(";")[0]
        return answer


async def _stored(app: MetricsCollector) -> list[Session]:
    return [session async for session in app.collector.store.sessions(SessionFilter())]


async def test_every_recorded_push_is_stored_as_it_was_sent(app: MetricsCollector) -> None:
    scenarios = defaultdict(list)
    for record in v1_bodies():
        scenarios[record["scenario"]].append(record["body"])
    for bodies in scenarios.values():
        script = StockScript(app)
        for content in bodies:
            answer = await script.push(content)
            assert answer.status == 200, (content, answer)
            assert isinstance(answer.json, dict)

    sessions = {session.browser_id: session for session in await _stored(app)}
    assert len(sessions) == len(scenarios)
    for bodies in scenarios.values():
        session = sessions[bodies[0]["uid"]]
        opening, *rest = [json.loads(sample.readings) for sample in session.samples]
        assert opening == {
            "br": "Chrome 131",
            "os": "Windows 10",
            "pid": bodies[0]["m"]["pid"],
            "t": {"rip": 3405803783},
        }
        assert rest == [_as_the_middleware_keeps(content["m"]) for content in bodies[1:]]


def _as_the_middleware_keeps(m: dict[str, Any]) -> dict[str, Any]:
    """The middleware deletes values of the wrong type; the IPv6 scenario has such ports."""
    kept = dict(m)
    if "t" in kept:
        kept["t"] = {
            key: value
            for key, value in kept["t"].items()
            if isinstance(value, str if key in ("tp", "sr") else int)
        }
    return kept


_M: dict[str, Any] = {"cq": 5, "pid": "p"}

# A further reading, and what of it is kept.
SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "quality 0 is a value": ({"cq": 0}, {"cq": 0}),
    "quality 100.01 is not": ({"cq": 100.01}, {}),
    "quality -1 is not": ({"cq": -1}, {}),
    "quality true is not": ({"cq": True}, {}),
    "quality in a list is not": ({"cq": [5]}, {}),
    "a download bandwidth may be null": ({"d": {"bw": None}}, {"d": {"bw": None}}),
    "an unknown reading is dropped": ({"v": {"x": 1}}, {}),
    "an unknown reading in a group is dropped": ({"u": {"zz": 1, "bw": 5}}, {"u": {"bw": 5}}),
    "a bandwidth of 2^53 is dropped": ({"u": {"bw": 2**53}}, {}),
    "a bandwidth of 2^53-1 is kept": ({"u": {"bw": 2**53 - 1}}, {"u": {"bw": 2**53 - 1}}),
    "a transport in capitals is dropped": ({"t": {"tp": "UDP"}}, {}),
    "the transport tls is dropped": ({"t": {"tp": "tls", "p": 5}}, {"t": {"p": 5}}),
    "an unauthorised region is dropped": ({"t": {"sr": "MARS"}}, {}),
    "a known region is kept": ({"t": {"sr": "REGION1"}}, {"t": {"sr": "REGION1"}}),
    "a text for an address is dropped": ({"t": {"ip": "10.0.0.1"}}, {}),
    "a number for a codec is dropped": ({"cdc": {"a": 5}}, {}),
    "a number for the participant is dropped": ({"pid": 5}, {}),
    "a client's time is dropped": ({"ts": 5}, {}),
    "dollar keys are dropped": ({"$set": {"x": 1}}, {}),
    "dotted keys are dropped": ({"a.b": 1}, {}),
    "a constructor is dropped": ({"constructor": {"x": 1}}, {}),
}

DIFFERENT: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a text for a number": ({"cq": "12"}, {}, "JSON strings are not numbers"),
    "a negative bandwidth": ({"u": {"bw": -5}}, {}, "a negative bandwidth"),
    "a port too large": ({"t": {"p": 99999}}, {}, "a port above 65535"),
    "a port with a fraction": ({"t": {"p": 1.5}}, {}, "with a fraction"),
    "an address below 0": ({"t": {"ip": -1}}, {}, "an address below 0"),
    "an address too large": ({"t": {"ip": 2**40}}, {}, "an address below 0 or above"),
    "a group that is a text": ({"u": "abc"}, {}, "that is a string or a list"),
    "a group that is a list": ({"u": [1]}, {}, "that is a string or a list"),
    "a group that is null": ({"u": None}, {}, "`u` that is `null`"),
    "one wrong value in res": (
        {"res": {"h": "720", "w": 1280}},
        {"res": {"w": 1280}},
        "all of `res` or `cdc` is dropped",
    ),
    "a part of a region": ({"t": {"sr": "REGION"}}, {}, "part of a known one"),
    "an address that only the server knows": ({"t": {"rip": 5}}, {}, "`t.rip` sent by a browser"),
    "a prototype": ({"__proto__": {"br": "x"}}, {}, "`__proto__` with a browser in it"),
}


async def _kept(app: MetricsCollector, m: dict[str, Any]) -> tuple[Answer, dict[str, Any]]:
    script = StockScript(app)
    await script.push(v1_body({"br": "br"}, conf="room1"))
    answer = await script.push(v1_body({"rest": "x", "d": {"ab": 1}, **m}, conf="room1"))
    (session,) = await _stored(app)
    kept = json.loads(session.samples[-1].readings)
    kept["d"].pop("ab", None) if m.get("d") else kept.pop("d")
    return answer, kept


@pytest.mark.parametrize("case", SAME)
async def test_readings_are_kept_or_dropped_as_by_the_express_middleware(
    app: MetricsCollector, case: str
) -> None:
    m, kept = SAME[case]
    if "d" in m:
        m = {"d": {"ab": 1, **m["d"]}}
    answer, stored = await _kept(app, m)
    assert (answer.status, stored) == (200, kept)


@pytest.mark.parametrize("case", DIFFERENT)
async def test_differences_to_the_express_middleware_are_documented(
    app: MetricsCollector, case: str
) -> None:
    m, kept, words = DIFFERENT[case]
    answer, stored = await _kept(app, m)
    assert (answer.status, stored) == (200, kept)
    assert "m.rest" in answer.json["dropped"]
    assert words in DOCS.read_text("utf-8")


@pytest.mark.parametrize(
    ("m", "reason"),
    [
        ([1, 2], "malformed"),
        ("string", "malformed"),
        (5, "malformed"),
        (True, "malformed"),
        (None, "malformed"),
        ({}, "empty"),
        ({"unknown": 1}, "empty"),
        ({"u": {}}, "empty"),
        ({"u": {"unknown": 1}}, "empty"),
    ],
)
async def test_a_push_without_readings_is_refused(
    app: MetricsCollector, m: Any, reason: str
) -> None:
    script = StockScript(app)
    await script.push(v1_body({"br": "br"}, conf="room1"))
    answer = await script.push(v1_body(m, conf="room1"))
    assert (answer.status, answer.json["error"]) == (400, reason)


async def test_readings_in_the_first_push_are_stored(app: MetricsCollector) -> None:
    await StockScript(app).push(v1_body({"br": "br", "pid": "p", "cq": 98.33}, conf="room1"))
    (session,) = await _stored(app)
    assert json.loads(session.samples[0].readings)["cq"] == 98.33


async def test_a_push_that_names_the_browser_opens_a_new_session(app: MetricsCollector) -> None:
    script = StockScript(app)
    first = await script.push(v1_body({"br": "br"}, conf="room1"))
    second = await script.push(v1_body({"br": "br"}, conf="room1"))
    assert first.json["jmmc_objectId"] != second.json["jmmc_objectId"]
    assert len(await _stored(app)) == 2


@pytest.mark.parametrize("cookie", ["", "jmmc_objectId=" + "a" * 24, "jmmc_objectId=s%3Aj"])
async def test_a_push_without_a_valid_cookie_has_no_session(
    app: MetricsCollector, cookie: str
) -> None:
    answer = await StockScript(app).push(v1_body(_M, conf="room1"), cookie=cookie)
    assert (answer.status, answer.json["error"]) == (400, "no_session")


async def test_the_cookie_of_another_room_is_refused(
    app: MetricsCollector,
) -> None:
    script = StockScript(app)
    await script.push(v1_body({"br": "br"}, conf="room1"))
    answer = await script.push(v1_body(_M, conf="room2"))
    assert (answer.status, answer.json["error"]) == (400, "no_session")


async def test_a_v1_session_ends_after_the_days_that_a_session_may_last(
    app: MetricsCollector,
) -> None:
    """Its id begins with the second in which it was made."""
    signer = CookieSigner("test")
    for age, error in ((4 * 86_400 + 60, "session_full"), (4 * 86_400 - 60, "no_session")):
        began = int(time.time() - age).to_bytes(4, "big").hex()
        cookie = f"{COOKIE}={signer.sign(began + '0' * 16)}"
        answer = await StockScript(app).push(v1_body(_M, conf="room1"), cookie=cookie)
        assert (answer.status, answer.json["error"]) == (400, error)


async def test_a_cookie_of_a_session_that_is_not_stored_is_refused(
    app: MetricsCollector, tmp_path: Path
) -> None:
    script = StockScript(app)
    await script.push(v1_body({"br": "br"}, conf="room1"))
    elsewhere = MetricsCollector(store=f"sqlite:///{tmp_path}/other.db", secret="test")
    script.app = elsewhere
    answer = await script.push(v1_body(_M, conf="room1"))
    assert (answer.status, answer.json["error"]) == (400, "no_session")
    await elsewhere.close()


async def test_a_repeated_v1_push_is_stored_twice(
    app: MetricsCollector,
) -> None:
    script = StockScript(app)
    await script.push(v1_body({"br": "br"}, conf="room1"))
    for _ in range(2):
        await script.push(v1_body(_M, conf="room1"))
    (session,) = await _stored(app)
    assert len(session.samples) == 3


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json"}, 200),
        ({"content-type": "application/json; charset=utf-8"}, 200),
        ({"content-type": "text/plain;charset=UTF-8"}, 200),
        ({"content-type": ""}, 200),
        ({"content-type": "application/json; charset=latin1"}, 400),
        ({"content-type": "application/x-www-form-urlencoded"}, 400),
        ({"content-type": "application/problem+json"}, 400),
        ({"content-encoding": "br"}, 400),
    ],
)
async def test_content_types_and_encodings_are_accepted_as_documented(
    app: MetricsCollector, headers: dict[str, str], status: int
) -> None:
    answer = await StockScript(app).push(v1_body({"br": "br"}, conf="room1"), **headers)
    assert answer.status == status


@pytest.mark.parametrize("agent", [None, "", "curl/8.0", "x" * 60_000])
async def test_an_unknown_user_agent_gets_a_session(
    app: MetricsCollector, agent: str | None
) -> None:
    script = StockScript(app)
    script.headers = {"user-agent": agent} if agent is not None else {}
    answer = await script.push(v1_body({"br": "br", "pid": "p"}, conf="room1"))
    assert answer.status == 200
    (session,) = await _stored(app)
    assert b"undefined" not in session.samples[0].readings
    assert session.browser_id == UID
