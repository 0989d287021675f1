"""The script for pages that embed Jitsi Meet, with a stand-in of the IFrame API."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.client.conftest import MakeStage, Stage
from tests.support.recordings import stats_of

_RECORDS = stats_of("bridge + simulcast + e2eping", "A")
_ME = _RECORDS[0]["me"]
_API = Path(__file__).with_name("embedding.js").read_text("utf-8")


def _embed(make: MakeStage, **settings: Any) -> Stage:
    """Open a page that watches the call in its iframe, and join the call."""
    stage = make(clock=True, **settings)
    stage.page.add_script_tag(content=_API + "; var api = new JitsiMeetExternalAPI();")
    stage.load("getEmbedder")
    stage.wait_until(lambda: bool(stage.page.evaluate("!!window.jmmcWatch")))
    stage.page.evaluate("jmmcWatch(api)")
    # As the real API says how the call begins. Nobody has muted anything.
    _raise(stage, "audioMuteStatusChanged", {"muted": False})
    _raise(stage, "videoMuteStatusChanged", {"muted": True})
    _raise(
        stage, "videoConferenceJoined", {"roomName": "weekly", "id": _ME, "displayName": "Secret"}
    )
    return stage


def _raise(stage: Stage, name: str, event: dict[str, Any]) -> None:
    stage.page.evaluate("([name, event]) => api.raise(name, event)", [name, event])


def _last_readings(stage: Stage) -> dict[str, Any]:
    readings: dict[str, Any] = {}
    for sample in stage.samples:
        for key, value in sample["m"].items():
            if isinstance(value, dict):
                readings.setdefault(key, {}).update(value)
            else:
                readings[key] = value
    return readings


def test_an_embedding_page_sends_the_readings_of_the_embedded_call(make_stage: MakeStage) -> None:
    stage = _embed(make_stage)
    stage.page.evaluate("record => api.say(record)", _RECORDS[5])
    stage.pass_time(70_000)
    stage.wait_for(2)
    push = stage.pushes[0]
    assert (push["v"], push["conf"]) == (2, "weekly")
    readings = _last_readings(stage)
    assert (readings["pid"], readings["n"], readings["vis"]) == (_ME, 2, True)
    payload = _RECORDS[5]["payload"]
    assert readings["cq"] == int(payload["connectionQuality"] + 0.5)
    assert readings["u"]["vb"] == payload["bitrate"]["video"]["upload"]
    assert readings["t"]["tp"] == "udp"
    assert "Secret" not in str(stage.pushes), "display names are not sent"
    assert stage.logged == []


def test_events_and_the_end_of_an_embedded_call_are_sent(make_stage: MakeStage) -> None:
    stage = _embed(make_stage)
    stage.page.evaluate("record => api.say(record)", _RECORDS[5])
    stage.pass_time(10_000)
    for name, event in (
        ("audioMuteStatusChanged", {"muted": True}),
        ("p2pStatusChanged", {"isP2p": True}),
    ):
        _raise(stage, name, event)
    stage.pass_time(300)
    _raise(stage, "videoConferenceLeft", {"roomName": "weekly"})
    stage.wait_until(lambda: any(sample.get("bye") for sample in stage.samples))
    events = [event for sample in stage.samples for event in sample["m"].get("ev", [])]
    assert events == ["muted_audio", "p2p"], "a change of path ends a sample"
    before = stage.page.evaluate("api.asked")
    stage.pass_time(30_000)
    assert stage.page.evaluate("api.asked") == before, "the API is not polled after the end"


def test_an_embedding_page_loses_nothing_while_the_collector_is_down(make_stage: MakeStage) -> None:
    stage = _embed(make_stage, push_interval=10)
    stage.wait_for(1)
    stage.reply = lambda push: None
    for record in _RECORDS[5:10]:
        stage.page.evaluate("record => api.say(record)", record)
        stage.pass_time(10_000)
    stage.reply = Stage.confirm
    stage.pass_time(60_000)
    numbers = sorted({sample["seq"] for sample in stage.samples})
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 5


def test_a_lost_connection_is_an_interruption_unless_the_participant_is_alone(
    make_stage: MakeStage,
) -> None:
    """Without a connection Jitsi repeats its last values, with `iceConnected: false`."""
    stage = _embed(make_stage)
    stage.page.evaluate("record => api.say(record)", _RECORDS[5])
    stage.pass_time(10_000)
    stage.page.evaluate("api.stats.iceConnected = false; api.participants = 1")
    stage.pass_time(40_000)
    assert all("ev" not in sample["m"] for sample in stage.samples)
    stage.page.evaluate("api.participants = 2")
    stage.pass_time(30_000)
    stage.page.evaluate("api.stats.iceConnected = true")
    stage.pass_time(30_000)
    stage.wait_until(lambda: any("restored" in s["m"].get("ev", []) for s in stage.samples))
    events = [event for sample in stage.samples for event in sample["m"].get("ev", [])]
    assert events == ["interrupted", "restored"]


def test_an_older_jitsi_gives_presence_only(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True)
    stage.page.add_script_tag(
        content=_API + "; delete JitsiMeetExternalAPI.prototype.getConnectionStats;"
        " var api = new JitsiMeetExternalAPI();"
    )
    stage.load("getEmbedder")
    stage.page.evaluate("jmmcWatch(api)")
    _raise(stage, "videoConferenceJoined", {"roomName": "weekly", "id": "a1"})
    stage.pass_time(40_000)
    stage.wait_for(2)
    assert stage.samples[0]["m"]["pid"] == "a1"
    assert stage.logged == []


def test_jmmc_watch_of_a_disabled_script_does_nothing(make_stage: MakeStage) -> None:
    stage = _embed(make_stage, enabled=False)
    stage.pass_time(40_000)
    assert stage.pushes == []
    assert stage.page.evaluate("api.asked") == 0


def _watch(make: MakeStage, path: str = "/Alpha/Weekly") -> Stage:
    """Open a page that embeds a room, before anybody joined it."""
    stage = make(clock=True)
    stage.page.add_script_tag(content=_API + "; var api = new JitsiMeetExternalAPI();")
    stage.page.evaluate(
        "path => { api.url = 'https://meet.example.org' + path; }",
        path,
    )
    stage.load("getEmbedder")
    stage.page.evaluate("jmmcWatch(api)")
    return stage


def test_an_embedded_join_that_fails_is_reported_with_its_tenant(make_stage: MakeStage) -> None:
    stage = _watch(make_stage)
    stage.pass_time(2000)
    _raise(stage, "micError", {"type": "gum.permission_denied", "message": "no"})
    _raise(stage, "cameraError", {"type": "gum.general", "message": "in use"})
    _raise(stage, "errorOccurred", {"error": {"name": "conference.passwordRequired"}})
    for _ in range(2):
        _raise(stage, "errorOccurred", {"error": {"name": "conference.max_users"}})
    stage.answered()
    (push,) = stage.pushes
    assert (push["conf"], push["ten"]) == ("weekly", "alpha")
    (sample,) = push["samples"]
    assert (sample["m"]["fail"], sample["m"]["ev"]) == ("room_full", ["mic_denied", "cam_failed"])
    assert sample["m"]["set"]["join"] >= 2000
    assert stage.logged == []


def test_an_embedded_stay_says_why_it_ended_and_how_long_the_join_took(
    make_stage: MakeStage,
) -> None:
    stage = _watch(make_stage)
    stage.pass_time(3000)
    _raise(stage, "videoConferenceJoined", {"roomName": "R\u00e9union A", "id": _ME})
    _raise(stage, "dominantSpeakerChanged", {"id": "other"})
    _raise(stage, "dominantSpeakerChanged", {"id": _ME})
    _raise(stage, "screenSharingStatusChanged", {"on": True})
    _raise(stage, "errorOccurred", {"name": "conference.iceFailed", "isFatal": True})
    _raise(stage, "videoConferenceLeft", {})
    stage.wait_until(lambda: any(sample.get("bye") for sample in stage.samples))
    assert {push["conf"] for push in stage.pushes} == {"r%c3%a9union%20a"}
    assert 3000 <= stage.samples[0]["m"]["set"]["join"] < 3200
    events = [event for sample in stage.samples for event in sample["m"].get("ev", [])]
    assert events == ["speaking", "share_began"]
    assert stage.samples[-1]["m"]["drop"] == "ice_failed"


def test_an_embedding_page_knows_nothing_of_a_join_that_the_prejoin_page_waits_for(
    make_stage: MakeStage,
) -> None:
    stage = _watch(make_stage)
    _raise(stage, "prejoinScreenLoaded", {"id": "x"})
    stage.pass_time(30_000)
    _raise(stage, "errorOccurred", {"error": {"name": "conference.max_users"}})
    stage.page.evaluate(
        "for (const name of ['pagehide', 'pageshow']) window.dispatchEvent(new Event(name))"
    )
    assert stage.pushes == []
    _raise(stage, "videoConferenceJoined", {"roomName": "weekly", "id": _ME})
    stage.wait_for(1)
    assert "set" not in stage.samples[0]["m"]


# --- about people ---

_DEVICES = {
    "audioInput": {"deviceId": "default", "label": "Padrão - Headset (0b0e:0300)"},
    "videoInput": {"deviceId": "c1", "label": "Webcam"},
    "audioOutput": {"deviceId": "s1", "label": ""},
}


def test_by_default_nothing_is_asked_of_people_in_an_embedded_call(make_stage: MakeStage) -> None:
    stage = _embed(make_stage)
    stage.page.evaluate("devices => { api.devices = devices; }", _DEVICES)
    stage.pass_time(40_000)
    assert _last_readings(stage).keys().isdisjoint({"name", "code", "dev"})
    assert stage.page.evaluate("[api.askedDevices, api.commands, typeof jmmc]") == [
        *(0, []),
        "undefined",
    ]


def test_an_embedded_call_has_names_devices_and_codes_where_they_are_chosen(
    make_stage: MakeStage,
) -> None:
    """The headset is unplugged, and the participant takes another name."""
    stage = _embed(make_stage, identify="display_name", collect_devices=True, support_code="notice")
    stage.page.evaluate("devices => { api.devices = devices; }", _DEVICES)
    stage.page.evaluate("record => api.say(record)", _RECORDS[5])
    stage.pass_time(70_000)
    stage.wait_for(2)
    readings = _last_readings(stage)
    assert (readings["name"], readings["dev"]) == ("Secret", {"mic": "Headset", "cam": "Webcam"})
    code = stage.page.evaluate("jmmc.code()")
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{6}", code)
    assert readings["code"] == code
    ((name, notice),) = stage.page.evaluate("api.commands")
    assert (name, notice["title"]) == ("showNotification", f"Support code: {code}")
    stage.page.evaluate("api.devices.audioInput = { deviceId: 'm2', label: 'Built-in - Mono' }")
    _raise(stage, "displayNameChange", {"id": "other", "displayname": "Other"})
    _raise(stage, "displayNameChange", {"id": _ME, "displayname": "Anna"})
    stage.pass_time(70_000)
    stage.wait_for(4)
    readings = _last_readings(stage)
    assert (readings["name"], readings["dev"]["mic"]) == ("Anna", "Built-in - Mono")
    ((event, _),) = [event for sample in stage.samples for event in sample["m"].get("ev", [])]
    assert event == "mic_changed"
    assert stage.logged == []


def test_the_name_in_an_embedded_call_may_be_that_of_the_token(make_stage: MakeStage) -> None:
    user = {"context": {"user": {"name": "Zoë >Ω<", "id": "u-17"}}}
    payload = base64.urlsafe_b64encode(json.dumps(user, ensure_ascii=False).encode()).decode()
    stage = make_stage(clock=True, identify="jwt")
    stage.page.add_script_tag(content=_API + "; var api = new JitsiMeetExternalAPI();")
    stage.page.evaluate("token => { api.url += '?jwt=' + token; }", f"e30.{payload.strip('=')}.x")
    stage.load("getEmbedder")
    stage.page.evaluate("jmmcWatch(api)")
    stage.pass_time(2000)
    _raise(stage, "errorOccurred", {"error": {"name": "conference.max_users"}})
    stage.answered()
    assert stage.samples[0]["m"]["name"] == "Zoë >Ω<", "of the join that failed"
    _raise(stage, "videoConferenceJoined", {"roomName": "weekly", "id": _ME, "displayName": "x"})
    stage.wait_for(2)
    assert stage.samples[1]["m"]["name"] == "Zoë >Ω<"


def test_after_an_embedded_call_the_embedding_page_asks_how_it_was(make_stage: MakeStage) -> None:
    stage = _embed(make_stage, ask_rating=1)
    for _ in range(2):
        stage.page.evaluate("record => api.say(record)", _RECORDS[5])
        stage.pass_time(120_000)
    _raise(stage, "videoConferenceLeft", {"roomName": "weekly"})
    stage.pass_time(5000)
    expect(stage.page.locator("#jmmc-question")).to_be_visible()
    stage.page.get_by_role("button", name="4 of 5: good").click()
    stage.wait_until(lambda: any("rate" in sample["m"] for sample in stage.samples))
    assert len({push["sid"] for push in stage.pushes}) == 1
    assert stage.logged == []


@pytest.mark.parametrize("missing", ["getCurrentDevices", "executeCommand", "getIFrame"])
def test_an_api_without_these_functions_only_tells_less(
    make_stage: MakeStage, missing: str
) -> None:
    stage = make_stage(
        clock=True, identify="jwt", collect_devices=True, support_code="notice", ask_rating=1
    )
    stage.page.add_script_tag(
        content=f"{_API}; delete JitsiMeetExternalAPI.prototype.{missing};"
        " var api = new JitsiMeetExternalAPI();"
    )
    stage.load("getEmbedder")
    stage.page.evaluate("jmmcWatch(api)")
    _raise(stage, "videoConferenceJoined", {"roomName": "weekly", "id": _ME})
    stage.page.evaluate("record => api.say(record)", _RECORDS[5])
    stage.pass_time(40_000)
    stage.wait_for(2)
    assert _last_readings(stage)["cq"]
    assert stage.logged == []
