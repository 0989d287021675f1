"""Structured logging: one line per event, and no personal data."""

import io
import json
import logging
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from jmmc import Settings
from jmmc.core.errors import StoreError
from jmmc.core.logging import LogFormat, logger, set_up
from jmmc.web.site import create_app
from tests.support.builders import UID, body, call, wire_sample
from tests.support.paths import ROOT
from tests.support.servers import PREFIX, Serve

_HEAD = re.compile(r"event=\w+ time=[\d-]+T[\d:.]+Z level=\w+ logger=[\w.]+( |$)")


@pytest.fixture
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Capture what is logged; the logging of the test run is restored afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("jmmc")
    before = root.handlers, root.level, ours.level
    stream = io.StringIO()
    level, form = getattr(request, "param", ("debug", "logfmt"))
    set_up(level, form, stream)
    yield stream
    root.handlers, root.level, ours.level = before


def test_an_event_is_one_line_that_starts_with_its_name(written: io.StringIO) -> None:
    logger("jmmc.test").warning("disk_full", why=StoreError("no space\nleft"), file="a b", n=None)
    line = written.getvalue()
    assert line.endswith(' level=warning logger=jmmc.test why="no space\\nleft" file="a b" n=\n')
    assert _HEAD.match(line)


def test_logged_values_cannot_forge_a_line_or_move_the_cursor(written: io.StringIO) -> None:
    logger("jmmc.test").warning("odd", detail='x\nevent=fake\r\x1b[2J\u2028"')
    (line,) = written.getvalue().splitlines()
    assert line.endswith(r'detail="x\nevent=fake\\r\\x1b[2J\\u2028\""')


@pytest.mark.parametrize("written", [("info", "json")], indirect=True)
def test_the_json_format_is_one_object_per_line(written: io.StringIO) -> None:
    logger("jmmc.test").info("odd", why=ValueError("x"), n=3, names=["a"])
    logger("jmmc.test").debug("too_small")
    event = json.loads(written.getvalue())
    assert datetime.fromisoformat(event.pop("time")).utcoffset() is not None
    assert list(event) == ["event", "level", "logger", "why", "n", "names"]
    assert (event["event"], event["why"], event["n"], event["names"]) == ("odd", "x", 3, ["a"])


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_a_traceback_stays_on_the_line_of_its_event(form: LogFormat, written: io.StringIO) -> None:
    set_up("info", form, written)
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logger("jmmc.test").exception("request_failed")
    (line,) = written.getvalue().splitlines()
    assert "Traceback" in line
    assert "broken" in line


def test_records_of_libraries_have_the_same_format_from_warning_on(written: io.StringIO) -> None:
    logging.getLogger("pymongo").info("who said what")
    logging.getLogger("uvicorn.error").warning("odd %s", "request")
    (line,) = written.getvalue().splitlines()
    assert line.startswith("event=library ")
    assert line.endswith('logger=uvicorn.error message="odd request"')


def test_a_host_app_sees_events_as_messages(caplog: pytest.LogCaptureFixture) -> None:
    logger("jmmc.test").warning("disk_full", file="a b")
    assert caplog.messages == ['disk_full file="a b"']
    assert caplog.records[0].name == "jmmc.test"


async def test_all_events_of_a_request_have_its_request_id(
    tmp_path: Path, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(Settings.of(store=f"sqlite:///{tmp_path}/calls.db"))
    fine = await call(app, "GET", "/api/v1/live", client="127.0.0.1")
    assert re.fullmatch("[0-9a-f]{16}", fine.headers["x-request-id"])
    headers = {"X-Request-ID": "proxy-1.2_3"}
    missing = await call(app, "GET", "/sessions/" + "0" * 24, headers=headers, client="127.0.0.1")
    assert (missing.status, missing.headers["x-request-id"]) == (404, "proxy-1.2_3")
    forged = {"X-Request-ID": "x level=fatal"}
    refused = await call(app, "POST", PREFIX + "/push", {"v": 2}, headers=forged)
    assert refused.status == 400
    monkeypatch.setattr("jmmc.answers.queries.Queries.live", lambda _: 1 / 0)  # A bug in jmmc.
    broken = await call(app, "GET", "/api/v1/live", headers=headers, client="127.0.0.1")
    assert (broken.status, broken.headers["x-request-id"]) == (500, "proxy-1.2_3")
    assert broken.json["detail"] == "request proxy-1.2_3 in the log"
    await app.metrics.close()

    lines = written.getvalue().splitlines()
    assert all(_HEAD.match(line) for line in lines)
    events = [
        re.sub(r" (time|logger|ms|exception)=(\"([^\"\\]|\\.)*\"|\S*)", "", line) for line in lines
    ]
    ids = fine.headers["x-request-id"], refused.headers["x-request-id"]
    assert [event for event in events if "request" in event] == [
        f"event=request level=debug request={ids[0]} method=GET route=/api/v1/live status=200",
        "event=request level=info request=proxy-1.2_3 method=GET route=/sessions/{id} status=404",
        f'event=request_refused level=debug request={ids[1]} reason=bad_uid detail="uid: missing"',
        "event=request_failed level=error request=proxy-1.2_3 method=GET route=/api/v1/live",
        "event=request level=error request=proxy-1.2_3 method=GET route=/api/v1/live status=500",
    ]
    assert "ZeroDivisionError" in written.getvalue()


def test_requests_to_every_endpoint_log_no_personal_data(tmp_path: Path) -> None:
    serve = Serve(tmp_path, "--demo")
    root = serve.url.removesuffix(PREFIX)
    sender = {"Content-Type": "text/plain", "X-Forwarded-For": "198.51.100.23"}
    session = body(wire_sample(0, {"pid": "8b4139fa", "t": {"ip": "192.0.2.77"}}), conf="jane-doe")
    bad = body(wire_sample(0, {"cq": 1}), conf="jane-doe/..", uid=UID)
    for content in (session, bad, {"uid": UID, "conf": "jane-doe"}):
        _request(f"{serve.url}/push", sender, json.dumps(content).encode())
    paths = [
        "/", "/overview?room=jane-doe", f"/participants/{UID}", "/meetings/jane-doe",
        "/compare?by=jane-doe", "/find?q=jane-doe", "/health", "/login?to=/jane-doe", "/jane-doe",
        "/api/v1/rooms/jane-doe", f"/api/v1/participants/{UID}", "/api/v1/search?q=jane-doe",
        "/api/v1/overview?jane-doe=1", "/api/v1/export?room=jane-doe", "/api/v1/jane-doe",
        f"{PREFIX}/objectId?jmmc_id=jane-doe", f"{PREFIX}/jane-doe", f"{PREFIX}/getClient", "/demo",
    ]  # fmt: skip
    for path in paths:
        _request(root + path, {"X-Forwarded-For": "198.51.100.23"})
        _request(root + path, {})
    assert serve.stop() == 0

    log = serve.log.read_text()
    events = [line for line in log.splitlines() if line.startswith("event=")]
    assert all(_HEAD.match(event) for event in events)
    assert events[0].startswith("event=started ")
    assert events[-1].startswith("event=stopped ")
    assert sum(event.startswith("event=request ") for event in events) > len(paths) / 2
    for secret in ("jane-doe", UID, "8b4139fa", "198.51.100", "192.0.2", "127.0.0.1:"):
        assert not [event for event in events if secret in event], secret


def _request(url: str, headers: dict[str, str], content: bytes | None = None) -> None:
    request = urllib.request.Request(url, content, headers)
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except urllib.error.HTTPError as error:
        assert error.code < 500, url
        error.close()


def test_every_event_is_documented() -> None:
    page = (ROOT / "docs/reference/logs.md").read_text("utf-8")
    calls = re.compile(r"_log\.(?:debug|info|warning|error|exception|log)\(\s*(?:_\w+\(\w+\),\s*)?")
    count = 0
    for file in (ROOT / "src").rglob("*.py"):
        text = file.read_text("utf-8")
        for match in calls.finditer(text):
            name = re.match(r'"([a-z_]+)"', text[match.end() :])
            assert name, f"{file}: {text[match.start() : match.end() + 40]}"
            assert f"`{name[1]}`" in page, name[1]
            count += 1
    assert count > 15
