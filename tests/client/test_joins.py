"""Joins that fail, stays that end by an error, and how long the steps of a join take."""

import json
from typing import Any

import pytest

from jmmc.protocol.decoding import Codec
from tests.client.conftest import MakeStage, Stage
from tests.support.recordings import analytics_of, stats_of

_RECORD = stats_of("bridge + simulcast + e2eping", "A")[3]
_ME = _RECORD["me"]

# lib-jitsi-meet's codes for what ends a join, and what is reported.
ROOM_ERRORS = {
    "conference.iceFailed": "ice_failed",
    "conference.videobridgeNotAvailable": "bridge_down",
    "conference.focusLeft": "focus_left",
    "conference.offerAnswerFailed": "offer_failed",
    "conference.connectionError": "connection_lost",
    "conference.gracefulShutdown": "shutdown",
    "conference.incompatible_server_versions": "shutdown",
    "conference.connectionError.notAllowed": "not_allowed",
    "conference.connectionError.accessDenied": "not_allowed",
    "conference.reservationError": "not_allowed",
    "conference.max_users": "room_full",
    "conference.destroyed": "room_closed",
    "conference.something_new": "other",
}
CONNECTION_ERRORS = {
    "connection.otherError": "server_unreachable",
    "connection.serverError": "server_unreachable",
    "connection.droppedError": "connection_lost",
    "connection.conferenceRequestFailed": "focus_left",
    "connection.notLiveError": "not_allowed",
}
# Those after which the join goes on: the reason only if the page goes.
OPEN_ERRORS = {
    "conference.passwordRequired": "password",
    "conference.connectionError.membersOnly": "lobby",
    "conference.display_name_required": "lobby",
    "conference.authenticationRequired": "sign_in",
    "conference.focusDisconnected": "focus_left",
    "connection.passwordRequired": "sign_in",
    "connection.shardChangedError": "reload",
}
_HIDE = "window.dispatchEvent(new Event('pagehide'))"
_SHOW = "window.dispatchEvent(new Event('pageshow'))"


def _ask(stage: Stage, conf: str = "room") -> None:
    """Ask to join: Jitsi connects to its server, and makes its room."""
    stage.page.evaluate("conf => { jitsi.connect(); jitsi.join(conf, 'me', false); }", conf)
    stage.pass_time(1000)


def _enter(stage: Stage) -> None:
    stage.page.evaluate("APP.conference._room.joined = true")
    stage.pass_time(1000)


def _outcomes(stage: Stage) -> list[tuple[str, str]]:
    """Room and reason of each failed join; each is a session of one sample."""
    stage.answered()
    found = {}
    for push in stage.pushes:
        for sample in push["samples"]:
            if "fail" in sample["m"]:
                assert (len(push["samples"]), sample["seq"], sample["bye"]) == (1, 0, True)
                assert not Codec().decode(json.dumps(push).encode()).dropped
                found[push["sid"]] = (push["conf"], sample["m"]["fail"])
    return list(found.values())


def _last(stage: Stage) -> dict[str, Any]:
    stage.answered()
    sample: dict[str, Any] = stage.samples[-1]
    return sample


def test_each_error_that_ends_a_join_is_reported_once_with_its_reason(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(clock=True)
    stage.load()
    expected = []
    for number, (code, reason) in enumerate(ROOM_ERRORS.items()):
        _ask(stage, f"room{number}")
        stage.raise_event("conference.failed", code)
        stage.raise_event("conference.failed", code)
        stage.page.evaluate("jitsi.leave()")
        expected.append((f"room{number}", reason))
    for number, (code, reason) in enumerate(CONNECTION_ERRORS.items()):
        _ask(stage, f"server{number}")
        stage.page.evaluate("code => jitsi.failToConnect(code)", code)
        stage.pass_time(2000)
        expected.append((f"server{number}", reason))
    stage.page.evaluate(_HIDE)
    stage.pass_time(5000)
    assert _outcomes(stage) == expected
    assert stage.logged == []


def test_an_open_question_is_the_reason_only_if_the_page_goes(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True)
    stage.load()
    for number, code in enumerate(OPEN_ERRORS):
        _ask(stage, f"room{number}")
        if code.startswith("conference"):
            stage.raise_event("conference.failed", code)
        else:
            stage.page.evaluate(
                "code => APP.connection.emit('connection.connectionFailed', code)", code
            )
        stage.pass_time(30_000)
        assert len(_outcomes(stage)) == number
        stage.page.evaluate(f"{_HIDE}; {_SHOW}")
    assert _outcomes(stage) == [
        (f"room{number}", reason) for number, reason in enumerate(OPEN_ERRORS.values())
    ]


def test_a_join_that_waited_for_somebody_is_none_that_failed(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True)
    stage.load()
    _ask(stage)
    stage.raise_event("conference.failed", "conference.passwordRequired")
    stage.pass_time(60_000)
    stage.page.evaluate(
        "() => { const at = performance.now();"
        " APP.conference._room.times = {'muc.join.started': at - 120, 'muc.joined': at}; }"
    )
    _enter(stage)
    stage.page.evaluate(_HIDE)
    assert _outcomes(stage) == []
    assert stage.samples[0]["m"]["set"]["join"] == pytest.approx(120, abs=2), "without the typing"


def test_a_page_that_goes_while_it_joins_gave_up_and_an_open_prejoin_page_did_not(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(clock=True)
    stage.load()
    stage.page.evaluate("APP.conference.roomName = 'room'")
    stage.pass_time(20_000)
    stage.page.evaluate(f"{_HIDE}; {_SHOW}")
    assert _outcomes(stage) == [], "nobody asked to join yet"
    _ask(stage)
    stage.pass_time(3000)
    stage.page.evaluate(_HIDE)
    assert _outcomes(stage) == [("room", "gave_up")]
    assert stage.samples[0]["m"]["set"]["join"] == pytest.approx(4000, abs=50)
    assert 19_000 < stage.samples[0]["m"]["set"]["ask"] < 22_000


def test_leaving_a_call_is_no_failed_join(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True)
    stage.load()
    _ask(stage)
    _enter(stage)
    stage.page.evaluate("jitsi.leave()")
    stage.pass_time(5000)
    stage.page.evaluate(_HIDE)
    assert _outcomes(stage) == []
    assert "drop" not in _last(stage)["m"]


def test_a_page_that_jitsi_reloads_again_and_again_reports_one_failure(
    make_stage: MakeStage,
) -> None:
    """The server cannot be reached: the app reloads the page about every half minute."""
    reported = []
    first = None
    for _ in range(3):
        stage = make_stage(clock=True, beside=first)
        first = first or stage.page
        stage.load()
        _ask(stage)
        stage.page.evaluate("jitsi.failToConnect('connection.otherError')")
        reported += _outcomes(stage)
    assert reported == [("room", "server_unreachable")]
    _ask(stage)
    _enter(stage)
    stage.page.evaluate("jitsi.leave()")
    _ask(stage)
    stage.page.evaluate("jitsi.failToConnect('connection.otherError')")
    assert _outcomes(stage) == [("room", "server_unreachable")], "after a join it is another one"


def test_a_failure_without_an_event_is_found_in_the_state_of_the_app(
    make_stage: MakeStage,
) -> None:
    """The script looks once a second: the app may be done with a connection before."""
    stage = make_stage(clock=True)
    stage.page.evaluate(
        "() => { APP.conference.roomName = 'room'; jitsi.connect();"
        " jitsi.failToConnect('connection.serverError'); }"
    )
    stage.load()
    stage.pass_time(1000)
    assert _outcomes(stage) == [("room", "server_unreachable")]


def _replay(stage: Stage, scenario: str) -> None:
    """Send the handler what the real app sent, at its times."""
    at = 0
    for record in analytics_of(scenario):
        stage.pass_time(record["ms"] - at)
        at = record["ms"]
        source, action, *_ = record["names"]
        stage.page.evaluate(
            "([action, attributes, source]) => jitsi.sendAnalytics(action, attributes, source)",
            [action, record["attributes"], source],
        )


def _with_handlers(make_stage: MakeStage) -> Stage:
    stage = make_stage(clock=True)
    stage.page.evaluate("APP.conference.roomName = 'room'")
    stage.load()
    stage.page.evaluate("jitsi.makeHandlers()")
    assert stage.page.evaluate("jitsi.handlers.length") == 1
    return stage


def test_recorded_an_unreachable_server_is_one_failed_join(make_stage: MakeStage) -> None:
    stage = _with_handlers(make_stage)
    stage.page.evaluate("setTimeout(() => jitsi.connect(), 3800)")
    _replay(stage, "noxmpp")
    assert _outcomes(stage) == [("room", "server_unreachable")]
    assert stage.samples[0]["m"]["set"]["join"] == pytest.approx(880, abs=50)


def test_recorded_refused_devices_are_events_of_the_join(make_stage: MakeStage) -> None:
    stage = _with_handlers(make_stage)
    _replay(stage, "gumdenied")
    stage.page.evaluate("jitsi.join('room', 'me')")
    stage.pass_time(1000)
    (first,) = stage.samples
    assert [name for name, _ in first["m"]["ev"]] == ["mic_denied", "cam_denied"]
    assert all(0.5 < age < 3 for _, age in first["m"]["ev"])


def test_recorded_ice_that_failed_four_times_ends_the_stay(make_stage: MakeStage) -> None:
    stage = _with_handlers(make_stage)
    stage.page.evaluate("jitsi.connect()")
    stage.pass_time(1000)
    stage.page.evaluate("jitsi.join('room', 'me')")
    stage.pass_time(1000)
    _replay(stage, "ice")
    assert _outcomes(stage) == []
    stage.page.evaluate("jitsi.leave()")
    assert (_last(stage)["bye"], _last(stage)["m"]["drop"]) == (True, "ice_failed")
    assert "join" in stage.samples[0]["m"]["set"]
    assert all("ice" not in sample["m"].get("set", {}) for sample in stage.samples)


def test_recorded_a_healthy_call_fails_nowhere(make_stage: MakeStage) -> None:
    """A session-initiate that comes late does not matter, once media flows."""
    stage = _with_handlers(make_stage)
    _replay(stage, "p2p")
    stage.page.evaluate("me => jitsi.join('room', me)", _ME)
    stage.pass_time(1000)
    stage.page.evaluate("jitsi.sendAnalytics('session-initiate.timeout', {p2p: false})")
    stage.emit(_RECORD)
    stage.pass_time(1000)
    stage.page.evaluate("jitsi.leave()")
    assert _outcomes(stage) == []
    assert "drop" not in _last(stage)["m"]


DROPS = {
    "conference.iceFailed": "ice_failed",
    "conference.focusLeft": "focus_left",
    "conference.videobridgeNotAvailable": "bridge_down",
    "conference.destroyed": "room_closed",
    "connection.droppedError": "connection_lost",
    "connection.otherError": "connection_lost",
    "kicked": "kicked",
    "suspended": "suspended",
    "timeout": "accept_timeout",
    "reload": "reload",
}


def test_a_stay_that_an_error_ends_says_which(make_stage: MakeStage) -> None:
    stage = _with_handlers(make_stage)
    for code, reason in DROPS.items():
        _ask(stage)
        _enter(stage)
        if code.startswith("conference"):
            stage.raise_event("conference.failed", code)
        elif code.startswith("connection"):
            stage.page.evaluate(
                "code => APP.connection.emit('connection.connectionFailed', code)", code
            )
        elif code == "timeout":
            stage.page.evaluate("jitsi.sendAnalytics('session-accept.timeout', {p2p: false})")
        elif code == "reload":
            stage.page.evaluate(
                "jitsi.sendAnalytics('page.reload.scheduled', {reason: 'error.config.x'})"
            )
        else:
            # As the library does: it leaves, which its analytics notice, and then says why.
            event = {"kicked": "conference.kicked", "suspended": "conference.suspendDetected"}
            stage.page.evaluate(
                """event => {
                  APP.conference._room.joined = null;
                  jitsi.sendAnalytics("stream.switch.delay");
                  APP.conference._room.emit(event);
                }""",
                event[code],
            )
        if code not in ("kicked", "suspended"):
            stage.page.evaluate("jitsi.leave()")
        last = _last(stage)
        assert (last["bye"], last["m"]["drop"]) == (True, reason)
    assert _outcomes(stage) == []


def test_an_error_that_the_stay_survived_is_not_why_it_ended(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True)
    stage.load()
    _ask(stage)
    _enter(stage)
    stage.raise_event("conference.failed", "conference.iceFailed")
    stage.raise_event("conference.failed", "conference.passwordRequired")
    stage.pass_time(61_000)
    stage.page.evaluate("jitsi.leave()")
    assert "drop" not in _last(stage)["m"]


@pytest.mark.parametrize("alone", [False, True])
def test_the_steps_of_a_join_are_those_of_jitsis_own_clock(
    make_stage: MakeStage, alone: bool
) -> None:
    stage = make_stage(clock=True)
    stage.load()
    stage.pass_time(500)
    stage.page.evaluate("jitsi.connect()")
    stage.page.evaluate(
        """alone => {
          const asked = APP.connection.times.connecting;
          const room = jitsi.join("room", "me");
          room.participants = alone ? 1 : 2;
          room.times = { "muc.join.started": asked + 380, "muc.joined": asked + 400 };
          setTimeout(() => Object.assign(room.times, { "session.initiate": asked + 5000,
            "ice.state.connected": asked + 5300, "audio.render": asked + 5600,
            "video.render": asked + 5500 }), 5600);
          setTimeout(() => Object.assign(room.times, { "ice.state.connected": asked + 20000,
            "audio.render": asked + 20300 }), 20300);
        }""",
        alone,
    )
    stage.pass_time(1000)
    first = stage.samples[0]["m"]["set"]
    assert first == {"ask": pytest.approx(500, abs=5), "join": pytest.approx(400, abs=1)}
    stage.pass_time(60_000)
    later = {key: value for s in stage.samples[1:] for key, value in s["m"].get("set", {}).items()}
    assert later == ({"ice": 300, "med": 500} if alone else {"ice": 4900, "med": 5100})


def test_a_room_joined_before_the_script_came_says_nothing_about_joins(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(clock=True)
    stage.join()
    stage.pass_time(3000)
    assert "set" not in stage.samples[0]["m"]


@pytest.mark.parametrize("settings", [{"sample_ratio": 0.0}, {"require_consent": True}])
def test_rooms_that_are_not_collected_have_no_failed_joins(
    make_stage: MakeStage, settings: dict[str, Any]
) -> None:
    stage = make_stage(clock=True, **settings)
    stage.load()
    _ask(stage)
    stage.raise_event("conference.failed", "conference.iceFailed")
    stage.page.evaluate(_HIDE)
    stage.answered()
    assert stage.pushes == []


def test_a_failed_join_is_kept_while_the_collector_is_down(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True)
    stage.reply = lambda push: None
    stage.load()
    _ask(stage)
    stage.raise_event("conference.failed", "conference.max_users")
    stage.pass_time(5000)
    stage.reply = Stage.confirm
    stage.pass_time(30_000)
    assert set(_outcomes(stage)) == {("room", "room_full")}
    assert stage.pushes[-1]["samples"][0]["age"] > 3
    assert len({push["sid"] for push in stage.pushes}) == 1


@pytest.mark.parametrize(
    "deployment",
    [{"region": "eu-west"}, {"userRegion": "eu-west"}, {"region": "eu-west", "userRegion": "us"}],
)
def test_a_failed_join_says_who_where_and_in_which_region(
    make_stage: MakeStage, deployment: dict[str, str]
) -> None:
    stage = make_stage(clock=True)
    stage.page.evaluate(
        "deploymentInfo => { window.config = {deploymentInfo};"
        " history.pushState(null, '', '/Alpha/standup'); }",
        deployment,
    )
    stage.load()
    _ask(stage, "standup")
    stage.raise_event("conference.failed", "conference.max_users")
    stage.answered()
    (push,) = stage.pushes
    assert (push["conf"], push["ten"]) == ("standup", "alpha")
    m = push["samples"][0]["m"]
    assert m["t"] == {"sr": "eu-west"}
    assert m["br"].startswith("HeadlessChrome")


def test_a_join_is_noticed_when_the_apps_store_has_it(make_stage: MakeStage) -> None:
    """Jitsi connects, fails, and forgets the connection within less than the second of a check."""
    stage = make_stage(clock=True)
    stage.load()
    stage.pass_time(1500)
    stage.page.evaluate(
        "() => { APP.conference.roomName = 'room'; jitsi.connect();"
        " jitsi.change('connection', { connecting: {} }); }"
    )
    stage.pass_time(200)
    stage.page.evaluate(
        "() => { jitsi.change('connection', { error: { name: 'connection.otherError' } });"
        " delete APP.connection; }"
    )
    assert _outcomes(stage) == [("room", "server_unreachable")]
    assert _last(stage)["m"]["set"]["join"] == pytest.approx(200, abs=2)
    stage.page.evaluate(
        "() => { jitsi.change('connection', {}); jitsi.join('other', 'me');"
        " jitsi.change('conference', {}); }"
    )
    stage.answered()
    assert stage.pushes[-1]["conf"] == "other"
    stage.pass_time(5000)
    assert stage.page.evaluate("jitsi.listeners.length") == 1
    assert stage.logged == []
