"""What happens in a call, who is collected at all, and clocks of machines that slept."""

import json
from typing import Any

import pytest

from jmmc.protocol.decoding import Codec
from tests.client.conftest import MakeStage, Stage
from tests.support.recordings import stats_of

_RECORD = stats_of("bridge + simulcast + e2eping", "A")[3]
_ME = _RECORD["me"]

# What the library or the app does, and the event that is sent.
STEPS = {
    "channel_closed": "room.emit('conference.dataChannelClosed', {code: 1006, reason: ''})",
    "talk_while_muted": "room.emit('conference.talk_while_muted')",
    "no_audio_input": "room.emit('conference.no_audio_input')",
    "noisy_mic": "room.emit('conference.noisy_mic')",
    "last_n": "room.emit('conference.lastNEndpointsChanged', ['a'], ['b'])",
    "no_picture": "room.emit('conference.inbound_video_stats_received', {}, new Map([[1, {}]]))",
    "speaking": "room.emit('conference.dominantSpeaker', 'me', [], false)",
    "media_restart": "room.emit('conference.media_session.started', {isP2P: false})",
    "region_changed": "room.emit('conference.server_region_changed', 'us-east')",
    "ice_restart": "jitsi.sendAnalytics('ice-restart.requested', {}, 'jingle')",
    "no_track_data": "jitsi.sendAnalytics('track.no.data.from.source', {value: true})",
    "mic_missing": "jitsi.sendAnalytics('error', {audio_requested: true, video_requested: false,"
    " reason: 'device not found', devices: 'audio'}, 'get.user.media')",
    "cam_failed": "jitsi.sendAnalytics('error', {audio_requested: false, video_requested: true,"
    " reason: 'gum.general'}, 'get.user.media')",
    "reconnected": "APP.connection.emit('connection.connectionEstablished', 'x')",
    "offline": "window.dispatchEvent(new Event('offline'))",
    "online": "window.dispatchEvent(new Event('online'))",
    "mic_changed": "jitsi.state.settings = {...jitsi.state.settings, micDeviceId: 'other'}",
    "cam_changed": "jitsi.state.settings = {...jitsi.state.settings, cameraDeviceId: 'other'}",
    "speaker_changed": "jitsi.state.settings ="
    " {...jitsi.state.settings, audioOutputDeviceId: 'other'}",
    "audio_only": "jitsi.state['audio-only'] = {enabled: true}",
    "audio_only_off": "jitsi.state['audio-only'] = {enabled: false}",
    "share_began": "room.tracks = [{getVideoType: () => 'desktop', isMuted: () => false}]",
    "share_ended": "room.tracks = [{getVideoType: () => 'desktop', isMuted: () => true}]",
}
# What happens too, and is no event of this participant.
NOTHING = (
    "room.emit('conference.inbound_video_stats_received', {}, new Map())",
    "room.emit('conference.trackMuteChanged', {isLocal: () => false, getSsrc: () => 7});"
    " room.emit('conference.inbound_video_stats_received', {}, new Map([[7, {fps: 0}]]))",
    "room.emit('conference.trackMuteChanged', {isLocal: () => true, isMuted: () => true,"
    " getType: () => 'video', getVideoType: () => 'desktop'})",
    "room.emit('conference.dominantSpeaker', 'other', [], false)",
    "room.emit('conference.media_session.started', {isP2P: true})",
    "room.emit('conference.server_region_changed', 'eu-west')",
    "jitsi.sendAnalytics('track.no.data.from.source', {value: false})",
    "jitsi.sendAnalytics('success', {audio_requested: true, video_requested: false},"
    " 'get.user.media')",
    "jitsi.sendAnalytics('error', {screen_sharing_requested: true,"
    " reason: 'gum.permission_denied'}, 'get.user.media')",
)
_SLEEPY = """
() => {
  const real = performance.now.bind(performance);
  let lost = 0;
  performance.now = () => real() - lost;
  window.sleep = (ms) => { lost += ms; };
  window.sentAt = [];
  const fetch = window.fetch;
  window.fetch = (...args) => {
    sentAt.push(Date.now());
    return fetch(...args);
  };
}
"""


def _join(make_stage: MakeStage, **settings: Any) -> Stage:
    stage = make_stage(clock=True, **settings)
    stage.page.evaluate(
        "() => { jitsi.connect(); jitsi.state.settings ="
        " {micDeviceId: 'a', cameraDeviceId: 'b', audioOutputDeviceId: 'c'}; }"
    )
    stage.join()
    stage.page.evaluate("jitsi.makeHandlers()")
    stage.pass_time(1000)
    return stage


def _events(stage: Stage) -> list[str]:
    found = [event for sample in stage.samples for event in sample["m"].get("ev", [])]
    return [event if isinstance(event, str) else event[0] for event in found]


def test_what_happens_in_a_call_is_an_event_at_its_moment(make_stage: MakeStage) -> None:
    stage = _join(make_stage, push_interval=1)
    begin = "const room = APP.conference._room;"
    for step in ("room.emit('conference.media_session.started', {isP2P: false})", *NOTHING):
        stage.page.evaluate(f"() => {{ {begin} {step}; }}")
    stage.pass_time(2000)
    assert _events(stage) == []
    for name, step in STEPS.items():
        seen = len(_events(stage))
        stage.page.evaluate(f"() => {{ {begin} {step}; }}")
        stage.pass_time(2000)
        assert _events(stage)[seen:] == [name]
        ages = [event[1] for s in stage.samples for event in s["m"].get("ev", []) if event[1:]]
        assert all(age <= 1 for age in ages if not isinstance(age, str))
    for push in stage.pushes:
        assert not Codec().decode(json.dumps(push).encode()).dropped
    assert stage.logged == []


def test_events_that_repeat_are_sent_once_a_minute(make_stage: MakeStage) -> None:
    stage = _join(make_stage, push_interval=1)
    for _ in range(13):
        for name in ("noisy_mic", "dataChannelClosed"):
            stage.raise_event(f"conference.{name}")
        stage.pass_time(10_000)
    names = _events(stage)
    assert names.count("noisy_mic") == 3
    assert names.count("channel_closed") == 13


def test_a_connection_to_another_bridge_is_an_event(make_stage: MakeStage) -> None:
    stage = _join(make_stage, push_interval=1)
    for number, address in enumerate(("192.0.2.1", "192.0.2.1", *2 * ["192.0.2.2"])):
        stage.page.evaluate(
            """([id, address]) => {
              const report = new Map([["T", {type: "transport", selectedCandidatePairId: "P"}],
                ["P", {remoteCandidateId: "R"}], ["R", {address, port: 10000}]]);
              APP.conference._room.pc = {peerconnection: {id, getStats: async () => report}};
            }""",
            [number, address],
        )
        stage.emit(_RECORD)
        stage.pass_time(10_000)
    assert _events(stage).count("bridge_changed") == 1


def test_a_page_that_went_begins_no_session_until_it_is_shown_again(make_stage: MakeStage) -> None:
    """Timers may still run after `pagehide`, and Jitsi's room is still there."""
    stage = _join(make_stage)
    stage.page.evaluate("window.dispatchEvent(new Event('pagehide'))")
    stage.pass_time(60_000)
    assert len({push["sid"] for push in stage.pushes}) == 1
    assert stage.samples[-1]["bye"] is True
    stage.page.evaluate("window.dispatchEvent(new Event('pageshow'))")
    stage.pass_time(1000)
    assert len({push["sid"] for push in stage.pushes}) == 2


@pytest.mark.parametrize(
    ("config", "settings", "is_collected"),
    [
        ("{iAmRecorder: true, analytics: {disabled: true}}", {}, False),
        ("{iAmRecorder: true, analytics: {disabled: true}}", {"collect_recorders": True}, True),
        ("{iAmSipGateway: true}", {}, False),
        ("{analytics: {disabled: true}}", {}, False),
        ("{analytics: {disabled: true}}", {"collect_recorders": True}, False),
        ("{analytics: {disabled: false}}", {}, True),
        ("{disableThirdPartyRequests: true}", {}, True),
    ],
)
def test_recorders_and_pages_that_want_no_analytics_are_not_collected(
    make_stage: MakeStage, config: str, settings: dict[str, Any], is_collected: bool
) -> None:
    stage = make_stage(clock=True, **settings)
    stage.page.evaluate(f"() => {{ window.config = {config}; jitsi.connect(); }}")
    stage.load()
    stage.pass_time(1000)
    stage.page.evaluate("jitsi.join('lobby', 'me', false)")
    stage.pass_time(1000)
    stage.raise_event("conference.failed", "conference.max_users")
    stage.join("call")
    stage.emit(_RECORD)
    stage.pass_time(5000)
    assert {push["conf"] for push in stage.pushes} == ({"lobby", "call"} if is_collected else set())


@pytest.mark.parametrize(
    ("path", "tenant"),
    [
        ("/standup", None),
        ("/Alpha/standup", "alpha"),
        ("/caf%C3%A9/standup", "caf%c3%a9"),
        ("/sub/alpha/standup", "sub%2falpha"),
        (f"/{'a' * 300}/standup", "a" * 128),
    ],
)
def test_the_tenant_is_what_the_path_has_before_the_room(
    make_stage: MakeStage, path: str, tenant: str | None
) -> None:
    stage = make_stage(clock=True)
    stage.page.evaluate("path => history.pushState(null, '', path)", path)
    stage.page.evaluate("() => void jitsi.join('standup', 'me')")
    stage.load()
    stage.emit(_RECORD)
    stage.pass_time(31_000)
    assert len(stage.pushes) > 1
    assert {push.get("ten") for push in stage.pushes} == {tenant}


def test_the_tenant_is_kept_with_what_was_not_sent(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.reply = lambda push: None
    stage.page.evaluate("history.pushState(null, '', '/alpha/standup')")
    stage.page.evaluate("() => void jitsi.join('standup', 'me')")
    stage.load()
    stage.wait_for(1)
    other = make_stage(beside=stage.page)
    stage.page.close()
    other.load()
    other.wait_for(1)
    assert (other.pushes[0]["conf"], other.pushes[0]["ten"]) == ("standup", "alpha")


@pytest.mark.parametrize("seconds", [40, 7200, 60 * 3600])
@pytest.mark.parametrize("offline", [False, True])
def test_a_sample_keeps_its_time_over_a_sleep_of_the_machine(
    make_stage: MakeStage, seconds: int, offline: bool
) -> None:
    """Most browsers stop `performance.now()` then. What is not sent yet has waited longer."""
    stage = make_stage(clock=True, push_interval=5)
    stage.page.evaluate(_SLEEPY)
    stage.join(me=_ME)
    taken = {}
    for number in range(1, 10):
        if number == 4 and offline:
            stage.reply = lambda push: None
        if number == 5:
            stage.page.evaluate("ms => sleep(ms)", 1000 * seconds)
            stage.page.clock.fast_forward(1000 * seconds)
            stage.reply = Stage.confirm
        taken[number] = stage.page.evaluate("Date.now()")
        path = {**_RECORD["payload"]["transport"][0], "rtt": number}
        stage.emit({**_RECORD, "payload": {**_RECORD["payload"], "transport": [path]}})
        stage.pass_time(10_000)
    stage.answered()
    stored: dict[int, float] = {}
    for sent, push in zip(stage.page.evaluate("sentAt"), stage.pushes, strict=True):
        for sample in push["samples"]:
            if sample["m"].get("rtt"):
                stored.setdefault(sample["m"]["rtt"], sent - 1000 * sample["age"])
    assert set(stored) == set(taken)
    for number, at in stored.items():
        assert at == pytest.approx(taken[number], abs=2000), number
    assert set(_events(stage)) == {"slept"}


def test_the_time_of_a_sleep_has_no_readings(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, push_interval=5)
    stage.page.evaluate(_SLEEPY)
    stage.join(me=_ME)
    stage.emit(_RECORD)
    stage.pass_time(10_000)
    stage.page.evaluate("sleep(600000)")
    stage.page.clock.fast_forward(600_000)
    stage.pass_time(5000)
    before, after = [s for s in stage.samples if "ev" in s["m"] or s["m"].get("cq", 0) is None]
    assert before["m"]["ev"] == ["slept"]
    assert after["m"]["cq"] is None
    assert after["m"]["u"]["bw"] is None


def test_after_a_sleep_the_clock_of_the_collector_is_learned_anew(make_stage: MakeStage) -> None:
    """Also when later answers take longer than the quickest one before."""
    stage = make_stage(clock=True, push_interval=5)
    stage.page.evaluate(_SLEEPY)
    now = {"clock": 5000.0}
    stage.reply = lambda push: (
        200,
        {},
        {"ack": push["samples"][-1]["seq"], "now": now["clock"]},
    )
    stage.join(me=_ME)
    stage.pass_time(11_000)
    assert "now" in stage.pushes[-1]
    sent = len(stage.pushes)
    stage.page.evaluate("sleep(100000)")
    stage.page.clock.fast_forward(100_000)
    now["clock"] = 9000.0
    stage.pass_time(12_000)
    assert "now" not in stage.pushes[sent], "nobody knows yet which of the two clocks is right"
    assert stage.pushes[-1]["now"] == pytest.approx(9000, abs=20)


def test_a_clock_that_is_set_back_or_corrected_little_is_no_sleep(make_stage: MakeStage) -> None:
    stage = _join(make_stage, push_interval=1)
    stage.page.evaluate("() => { const real = Date.now; Date.now = () => real() - 3600000; }")
    stage.pass_time(3000)
    stage.page.evaluate("() => { const real = Date.now; Date.now = () => real() + 900; }")
    stage.pass_time(3000)
    assert _events(stage) == []
    assert all(0 <= sample["age"] < 2 for sample in stage.samples)
