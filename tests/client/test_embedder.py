"""The script of a page that embeds Jitsi Meet, on a stand-in of the IFrame API."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.client.conftest import Stage
from tests.support.recordings import stats_of

MakeStage = Callable[..., Stage]

_RECORDS = stats_of("bridge + simulcast + e2eping", "A")
_ME = _RECORDS[0]["me"]
_API = Path(__file__).with_name("embedding.js").read_text("utf-8")


def _embed(make: MakeStage, **settings: Any) -> Stage:
    """A page with a call in an iframe that is watched, and has been joined."""
    it = make(clock=True, **settings)
    it.page.add_script_tag(content=_API + "; var api = new JitsiMeetExternalAPI();")
    it.load("getEmbedder")
    it.wait_until(lambda: bool(it.page.evaluate("!!window.jmmcWatch")))
    it.page.evaluate("jmmcWatch(api)")
    _raise(it, "videoConferenceJoined", {"roomName": "weekly", "id": _ME, "displayName": "Secret"})
    return it


def _raise(stage: Stage, name: str, told: dict[str, Any]) -> None:
    stage.page.evaluate("([name, told]) => api.raise(name, told)", [name, told])


def _told(stage: Stage) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for sample in stage.samples:
        for key, value in sample["m"].items():
            if isinstance(value, dict):
                told.setdefault(key, {}).update(value)
            else:
                told[key] = value
    return told


def test_an_embedding_page_sends_what_the_call_inside_says(stage: MakeStage) -> None:
    embed = _embed(stage)
    embed.page.evaluate("record => api.say(record)", _RECORDS[5])
    embed.pass_time(70_000)
    embed.wait_for(2)
    push = embed.pushes[0]
    assert (push["v"], push["conf"]) == (2, "weekly")
    told = _told(embed)
    assert (told["pid"], told["n"], told["vis"]) == (_ME, 2, True)
    payload = _RECORDS[5]["payload"]
    assert told["cq"] == round(payload["connectionQuality"], 2)
    assert told["u"]["vb"] == payload["bitrate"]["video"]["upload"]
    assert told["t"]["tp"] == "udp"
    assert "Secret" not in str(embed.pushes), "nobody's name is sent"
    assert embed.said == []


def test_events_and_the_end_of_a_call_are_told(stage: MakeStage) -> None:
    embed = _embed(stage)
    embed.page.evaluate("record => api.say(record)", _RECORDS[5])
    embed.pass_time(10_000)
    for name, told in (
        ("audioMuteStatusChanged", {"muted": True}),
        ("p2pStatusChanged", {"isP2p": True}),
    ):
        _raise(embed, name, told)
    embed.pass_time(300)
    _raise(embed, "videoConferenceLeft", {"roomName": "weekly"})
    embed.wait_until(lambda: any(sample.get("bye") for sample in embed.samples))
    events = [sample["m"].get("ev", []) for sample in embed.samples]
    assert {name for names in events for name in names} == {"muted_audio", "p2p"}
    before = embed.page.evaluate("api.asked")
    embed.pass_time(30_000)
    assert embed.page.evaluate("api.asked") == before, "nobody is asked after the end"


def test_nothing_is_lost_while_the_collector_is_away(stage: MakeStage) -> None:
    embed = _embed(stage, push_interval=10)
    embed.wait_for(1)
    embed.reply = lambda push: None
    for record in _RECORDS[5:10]:
        embed.page.evaluate("record => api.say(record)", record)
        embed.pass_time(10_000)
    embed.reply = Stage.confirm
    embed.pass_time(60_000)
    numbers = sorted({sample["seq"] for sample in embed.samples})
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 5


def test_who_is_alone_is_not_interrupted_and_whose_line_breaks_is(stage: MakeStage) -> None:
    """Jitsi repeats what it said last, with `iceConnected: false`."""
    embed = _embed(stage)
    embed.page.evaluate("record => api.say(record)", _RECORDS[5])
    embed.pass_time(10_000)
    embed.page.evaluate("api.stats.iceConnected = false; api.participants = 1")
    embed.pass_time(40_000)
    assert all("ev" not in sample["m"] for sample in embed.samples)
    embed.page.evaluate("api.participants = 2")
    embed.pass_time(30_000)
    embed.page.evaluate("api.stats.iceConnected = true")
    embed.pass_time(30_000)
    embed.wait_until(lambda: any("restored" in s["m"].get("ev", []) for s in embed.samples))
    events = [name for sample in embed.samples for name in sample["m"].get("ev", [])]
    assert events == ["interrupted", "restored"]


def test_an_older_jitsi_tells_presence_and_does_no_harm(stage: MakeStage) -> None:
    it = stage(clock=True)
    it.page.add_script_tag(
        content=_API + "; delete JitsiMeetExternalAPI.prototype.getConnectionStats;"
        " var api = new JitsiMeetExternalAPI();"
    )
    it.load("getEmbedder")
    it.page.evaluate("jmmcWatch(api)")
    _raise(it, "videoConferenceJoined", {"roomName": "weekly", "id": "a1"})
    it.pass_time(40_000)
    it.wait_for(2)
    assert it.samples[0]["m"]["pid"] == "a1"
    assert it.said == []


def test_switched_off_watching_does_nothing(stage: MakeStage) -> None:
    embed = _embed(stage, enabled=False)
    embed.pass_time(40_000)
    assert embed.pushes == []
    assert embed.page.evaluate("api.asked") == 0
