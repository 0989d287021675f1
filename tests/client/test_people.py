"""What an operator may choose to know of people: names, codes, devices, and how the call was."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.client.conftest import MakeStage, Stage
from tests.support.npm import installed
from tests.support.oracle import fold
from tests.support.recordings import stats_of

_RECORD = stats_of("bridge + simulcast + e2eping", "A")[3]
_ME = _RECORD["me"]

# What Jitsi's page knows of its own participant.
_JITSI = """
(lang) => {
  document.documentElement.lang = lang;
  window.dispatched = [];
  const state = {
    "features/base/participants": { local: { id: "me", name: "Anna Example", email: "a@b.c" } },
    "features/base/jwt": { user: { id: "u-17", name: "Anna from the token", email: "a@b.c" } },
  };
  APP.store = { getState: () => state, dispatch: (action) => dispatched.push(action) };
  window.knownTo = (room) => {
    room._statsCurrentId = "Anna-x1y";
    const track = (kind, label, videoType) => ({
      getType: () => kind, getVideoType: () => videoType,
      getTrack: () => ({ label, getSettings: () => ({ deviceId: "default" }) }) });
    room.getLocalTracks = () => [
      track("video", "Screen 1", "desktop"), track("video", "Webcam", "camera"),
      track("audio", "Standard - Headset - Mono (0b0e:0300)")];
  };
  window.JitsiMeetJS = { mediaDevices: { getAudioOutputDevice: () => "speaker-2" } };
  Object.defineProperty(navigator, "mediaDevices", { value: { enumerateDevices: async () => [
    { kind: "audioinput", deviceId: "speaker-2", label: "no" },
    { kind: "audiooutput", deviceId: "speaker-1", label: "no" },
    { kind: "audiooutput", deviceId: "speaker-2", label: "Loudspeaker" }] } });
}
"""
_OF_PEOPLE = {"name", "code", "dev.mic", "dev.cam", "dev.spk"}
_QUESTION = "#jmmc-question"


def _joined(stage: Stage, lang: str = "en") -> None:
    stage.page.evaluate(_JITSI, lang)
    stage.page.evaluate("me => knownTo(jitsi.join('room', me))", _ME)
    stage.load()


def _texts(stage: Stage) -> dict[str, Any]:
    """What a first tick has said of people."""
    _joined(stage)
    stage.emit(_RECORD)
    stage.pass_time(31_000)
    state = fold([sample["m"] for sample in stage.samples])[-1]
    assert stage.logged == []
    return {key: value for key, value in state.items() if key in _OF_PEOPLE}


@pytest.mark.parametrize(
    ("identify", "name"),
    [
        ("stats_id", "Anna-x1y"),
        ("display_name", "Anna Example"),
        ("jwt", "Anna from the token"),
    ],
)
def test_the_name_is_the_one_that_the_setting_says(
    make_stage: MakeStage, identify: str, name: str
) -> None:
    assert _texts(make_stage(clock=True, identify=identify)) == {"name": name}


@pytest.mark.parametrize(("identify", "name"), [("display_name", "Anna Example"), ("none", None)])
def test_a_failed_join_has_the_name_too(
    make_stage: MakeStage, identify: str, name: str | None
) -> None:
    stage = make_stage(clock=True, identify=identify)
    stage.page.evaluate(_JITSI, "en")
    stage.load()
    stage.page.evaluate("() => { jitsi.connect(); knownTo(jitsi.join('room', 'me', false)); }")
    stage.pass_time(1000)
    stage.raise_event("conference.failed", "conference.max_users")
    stage.answered()
    (sample,) = stage.samples
    assert (sample["m"]["fail"], sample["m"].get("name")) == ("room_full", name)


def test_by_default_nothing_is_said_of_people(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True)
    assert _texts(stage) == {}
    assert stage.page.evaluate("typeof jmmc") == "undefined"
    assert stage.page.evaluate("dispatched") == []


def test_a_token_without_a_name_has_an_id(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, identify="jwt")
    stage.page.evaluate(_JITSI, "en")
    stage.page.evaluate("delete APP.store.getState()['features/base/jwt'].user.name")
    stage.page.evaluate("me => knownTo(jitsi.join('room', me))", _ME)
    stage.load()
    stage.wait_for(1)
    assert stage.samples[0]["m"]["name"] == "u-17"


def test_a_guest_has_no_name(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, identify="jwt")
    stage.join(me=_ME)
    stage.wait_for(1)
    assert "name" not in stage.samples[0]["m"]
    assert stage.logged == []


def test_devices_are_named_without_the_shared_screen(make_stage: MakeStage) -> None:
    """The default microphone has a label of a German Chrome, with the ids of its vendor."""
    assert _texts(make_stage(clock=True, collect_devices=True)) == {
        "dev.mic": "Headset - Mono",
        "dev.cam": "Webcam",
        "dev.spk": "Loudspeaker",
    }


def test_devices_are_named_whatever_jitsi_does_to_their_tracks(make_stage: MakeStage) -> None:
    """With the sound of a shared screen, or with a virtual background, Jitsi sends other tracks."""
    stage = make_stage(clock=True, collect_devices=True)
    stage.page.evaluate(_JITSI, "en")
    stage.page.evaluate(
        """me => {
      const room = jitsi.join("room", me);
      const made = (kind, label, source) => ({
        getType: () => kind, getVideoType: () => undefined,
        getTrack: () => ({ label, getSettings: () => ({}) }),
        _originalStream: { getTracks: () => [{ label: source, getSettings: () => ({}) }] } });
      room.getLocalTracks = () => [
        made("audio", "MediaStreamAudioDestinationNode", "Headset"),
        made("video", "0d3bd3f6-2f2e-4d3c-8a3e-2f4b8ed7a7a1", "Webcam")];
    }""",
        _ME,
    )
    stage.load()
    stage.emit(_RECORD)
    stage.pass_time(31_000)
    state = fold([sample["m"] for sample in stage.samples])[-1]
    assert (state["dev.mic"], state["dev.cam"]) == ("Headset", "Webcam")


def test_the_page_can_ask_for_the_code_that_is_sent(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, support_code="code")
    stage.load()
    assert stage.page.evaluate("jmmc.code()") is None
    stage.page.evaluate("jitsi.join('room')")
    stage.pass_time(1000)
    stage.wait_for(1)
    code = stage.page.evaluate("jmmc.code()")
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{6}", code)
    assert stage.samples[0]["m"]["code"] == code
    stage.page.evaluate("jitsi.leave()")
    stage.pass_time(1000)
    assert stage.page.evaluate("jmmc.code()") == code, "it can be read out after the call"
    stage.page.evaluate("jitsi.join('room')")
    stage.pass_time(1000)
    assert stage.page.evaluate("jmmc.code()") != code, "each session has its own"


def test_the_code_is_shown_by_jitsis_notifications(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, support_code="notice")
    _joined(stage, "fr")
    stage.wait_for(1)
    (action,) = stage.page.evaluate("dispatched")
    assert action["type"] == "SHOW_NOTIFICATION"
    code = stage.samples[0]["m"]["code"]
    assert re.fullmatch(f"Code d.assistance : {code}", action["props"]["title"])


@pytest.mark.parametrize("jmmc", ["Object.freeze({mine: 1})", "'mine'", "null"])
def test_a_jmmc_that_the_page_has_is_kept(make_stage: MakeStage, jmmc: str) -> None:
    stage = make_stage(clock=True, support_code="notice", ask_rating=1)
    stage.page.evaluate(f"() => {{ window.jmmc = {jmmc}; }}")
    stage.join(me=_ME)
    stage.emit(_RECORD)
    stage.pass_time(31_000)
    assert "code" in stage.samples[0]["m"]
    if "mine" in jmmc:
        assert "mine" in stage.page.evaluate("JSON.stringify(jmmc)")
    assert stage.logged == []


# --- how the call was ---


def _call(stage: Stage, minutes: float = 4, lang: str = "en") -> None:
    """A call to its end; then Jitsi stays in its page."""
    if not stage.page.evaluate("!!window.knownTo"):
        stage.page.evaluate(_JITSI, lang)
    stage.page.evaluate("me => knownTo(jitsi.join('room', me))", _ME)
    stage.load()
    for _ in range(2):
        stage.emit(_RECORD)
        stage.pass_time(int(minutes * 30_000))
    stage.page.evaluate("jitsi.leave()")
    stage.pass_time(5000)


def _is_asked(stage: Stage) -> bool:
    """Whether the script of the question was loaded since this was asked last."""
    loaded = stage.page.locator("script[src$=getQuestion]")
    if not loaded.count():
        return False
    expect(stage.page.locator(_QUESTION)).to_be_visible()
    loaded.evaluate("script => script.remove()")
    return True


def _ratings(stage: Stage) -> list[dict[str, Any]]:
    stage.answered()
    return [sample for sample in stage.samples if "rate" in sample["m"]]


def test_a_rating_and_its_reason_are_samples_of_the_call(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, ask_rating=1)
    _call(stage)
    page = stage.page
    expect(page.locator(_QUESTION)).to_be_visible()
    last = stage.samples[-1]
    assert last["bye"]
    stage.pass_time(20_000)
    page.get_by_role("button", name="2 of 5: bad").click()
    page.get_by_role("button", name="Sound").click()
    expect(page.get_by_text("Thank you.")).to_be_visible()
    first, second = _ratings(stage)
    assert (first["m"], second["m"]) == ({"rate": 2}, {"rate": 2, "why": "audio"})
    assert [first["seq"], second["seq"]] == [last["seq"] + 1, last["seq"] + 2]
    assert first["bye"]
    assert second["bye"]
    assert first["age"] == pytest.approx(25, abs=1), "its moment is that of the leave"
    assert len({push["sid"] for push in stage.pushes}) == 1
    stage.pass_time(4000)
    assert page.locator(_QUESTION).count() == 0
    assert page.evaluate("Object.keys(localStorage).filter(key => /queue/.test(key))") == []
    assert stage.logged == []


def test_a_good_call_needs_no_reason(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, ask_rating=1)
    _call(stage)
    stage.page.get_by_role("button", name="5 of 5: very good").click()
    expect(stage.page.get_by_text("Thank you.")).to_be_visible()
    assert stage.page.get_by_role("button", name="Sound").count() == 0
    assert [sample["m"] for sample in _ratings(stage)] == [{"rate": 5}]


@pytest.mark.parametrize(("settings", "minutes"), [({}, 4), ({"ask_rating": 1}, 2.8)])
def test_nothing_is_loaded_when_nobody_is_asked(
    make_stage: MakeStage, settings: dict[str, Any], minutes: float
) -> None:
    stage = make_stage(clock=True, **settings)
    requested: list[str] = []
    stage.page.on("request", lambda request: requested.append(request.url))
    before = stage.page.evaluate("document.body ? document.body.children.length : 0")
    _call(stage, minutes)
    assert not _is_asked(stage)
    assert not [url for url in requested if "getQuestion" in url]
    assert stage.page.evaluate("document.body.children.length") == before
    assert "jmmc_asked" not in stage.page.evaluate("Object.keys(localStorage)")


@pytest.mark.parametrize("drawn", [0.29, 0.3])
def test_a_share_of_the_calls_is_asked(make_stage: MakeStage, drawn: float) -> None:
    stage = make_stage(clock=True, ask_rating=0.3)
    stage.page.evaluate(f"() => {{ Math.random = () => {drawn}; }}")
    _call(stage)
    assert _is_asked(stage) == (drawn < 0.3)


def test_a_browser_is_asked_once_a_day(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, ask_rating=1)
    _call(stage)
    assert _is_asked(stage)
    stage.page.keyboard.press("Escape")
    expect(stage.page.locator(_QUESTION)).to_have_count(0)
    _call(stage)
    assert not _is_asked(stage)
    stage.page.evaluate("localStorage.setItem('jmmc_asked', Date.now() - 24.1 * 3600 * 1000)")
    _call(stage)
    assert _is_asked(stage)


def _next_page(stage: Stage, before: str = "") -> None:
    stage.reload()
    stage.page.evaluate(f"() => {{ {before} }}")
    stage.load()
    stage.pass_time(5000)


@pytest.mark.parametrize(
    ("before", "asked"),
    [
        ("", True),
        ("APP.conference.roomName = 'another'", False),
        ("jitsi.join('another')", False),
    ],
    ids=["welcome page", "prejoin page of a room", "another call"],
)
def test_the_next_page_asks_unless_another_call_begins(
    make_stage: MakeStage, before: str, asked: bool
) -> None:
    stage = make_stage(clock=True, ask_rating=1)
    stage.join(me=_ME)
    for _ in range(2):
        stage.emit(_RECORD)
        stage.pass_time(120_000)
    sid = stage.pushes[0]["sid"]
    _next_page(stage, before)
    assert _is_asked(stage) == asked
    if asked:
        stage.page.get_by_role("button", name="4 of 5: good").click()
        stage.wait_until(lambda: bool(_ratings(stage)))
        (push,) = [push for push in stage.pushes if "rate" in push["samples"][-1]["m"]]
        assert push["sid"] == sid
        numbers = {s["seq"] for p in stage.pushes if p["sid"] == sid for s in p["samples"]}
        assert numbers == set(range(max(numbers) + 1))


def test_a_page_that_comes_later_does_not_ask(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, ask_rating=1)
    stage.join(me=_ME)
    stage.emit(_RECORD)
    stage.pass_time(200_000)
    stage.reload()
    stage.pass_time(301_000)
    stage.load()
    stage.pass_time(5000)
    assert not _is_asked(stage)


def test_the_question_is_accessible(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, ask_rating=1)
    page = stage.page
    page.evaluate(
        "() => { document.title = 'Jitsi'; document.documentElement.lang = 'fr';"
        " document.body.innerHTML = '<main><h1>Jitsi</h1><button id=mine>Mine</button></main>';"
        " document.body.style.background = '#000'; document.querySelector('#mine').focus(); }"
    )
    _call(stage, lang="fr")
    question = page.get_by_role("dialog", name=re.compile("Comment s.est passé l.appel"))
    expect(question).to_be_focused()
    page.evaluate((installed("axe-core") / "axe.min.js").read_text())
    page.clock.resume()
    rules = "axe.run('#jmmc-question', {resultTypes: ['violations']})"
    assert page.evaluate(f"async () => (await {rules}).violations.map(found => found.id)") == []
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="1 sur 5 : très mauvais")).to_be_focused()
    page.keyboard.press("Enter")
    expect(
        page.get_by_role("dialog", name=re.compile("Qu.est-ce qui n.allait pas"))
    ).to_be_focused()
    assert page.evaluate(f"async () => (await {rules}).violations.map(found => found.id)") == []
    page.keyboard.press("Escape")
    expect(page.locator(_QUESTION)).to_have_count(0)
    expect(page.locator("#mine")).to_be_focused()
    assert [sample["m"] for sample in _ratings(stage)] == [{"rate": 1}]


def test_a_question_without_an_answer_goes_after_a_minute(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, ask_rating=1)
    _call(stage)
    assert _is_asked(stage)
    stage.page.keyboard.press("Space")
    stage.pass_time(61_000)
    assert stage.page.locator(_QUESTION).count() == 0
    assert _ratings(stage) == []
