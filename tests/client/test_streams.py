"""What people hear and see: concealment and freezes of the streams that are heard and seen.

Reports of a peer connection ten seconds apart, with values worked out by hand.
"""

from typing import Any

import pytest

from tests.client.conftest import MakeStage, Stage
from tests.support.recordings import stats_of

_RECORD = stats_of("bridge + simulcast + e2eping", "A")[3]

_PARTICIPANTS = """
tracks => {
  const made = tracks.map(({ ssrc, muted, kind }) => ({
    isLocal: () => false, isMuted: () => muted, getVideoType: () => kind,
    getSsrc: () => ssrc, getType: () => "video" }));
  APP.conference._room.getParticipants = () => [{ getTracks: () => made, getId: () => "other" }];
}
"""

Stream = dict[str, Any]


def _audio(
    number: int, *, concealed: int = 0, silent: int = 0, packets: int = 500, energy: float = 0.05
) -> Stream:
    """Ten seconds of one participant's sound, 48,000 samples a second."""
    return {
        "id": f"A{number}",
        "kind": "audio",
        "jitter": 0.004,
        "packetsReceived": packets,
        "totalAudioEnergy": energy,
        "totalSamplesDuration": 10.0,
        "totalSamplesReceived": 480_000,
        "concealedSamples": concealed + silent,
        "silentConcealedSamples": silent,
    }


def _video(
    ssrc: int, *, height: int = 720, frames: int = 300, frozen: float = 0, content: str = ""
) -> Stream:
    return {
        "id": f"V{ssrc}",
        "kind": "video",
        "ssrc": ssrc,
        "jitter": 0.012,
        "packetsReceived": 4000,
        "frameHeight": height,
        "frameWidth": height * 16 // 9,
        "framesDecoded": frames,
        "totalFreezesDuration": frozen,
        "contentType": content,
    }


_STATIC = {"id", "kind", "ssrc", "jitter", "frameHeight", "frameWidth", "contentType"}


def _reports(streams: list[Stream]) -> list[list[Stream]]:
    """A report, and the one ten seconds later, after the given growth of the counters."""
    before, after = [], []
    for stream in streams:
        own = {key: value for key, value in stream.items() if key in _STATIC}
        own |= {"type": "inbound-rtp"}
        start = dict.fromkeys(stream.keys() - _STATIC, 1000)
        grown = {key: 1000 + stream[key] for key in start}
        before.append({**own, **start, "timestamp": 1_700_000_000_000})
        after.append({**own, **grown, "timestamp": 1_700_000_010_000})
    return [before, after]


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    stage = make_stage(clock=True)
    stage.join(me=_RECORD["me"])
    return stage


def _down(stage: Stage, streams: list[Stream], between: str = "") -> dict[str, Any]:
    """The readings that two ticks and the streams between them give, without Jitsi's own."""
    stage.report(_reports(streams))
    stage.emit(_RECORD)
    stage.pass_time(5000)
    if between:
        stage.page.evaluate(between)
    stage.pass_time(5000)
    stage.emit(_RECORD)
    stage.pass_time(30_000)
    assert stage.logged == []
    first, second = (sample["m"] for sample in stage.samples[1:3])
    readings = {**first["d"], **second.get("d", {})}
    return {key: readings[key] for key in ("cnc", "cns", "frz", "frs", "jit") if key in readings}


def test_the_speaker_of_a_large_call_is_heard_badly(stage: Stage) -> None:
    """Half of one person's sound of twenty is made up: 2.63 % of all that is received."""
    listeners = [_audio(number, energy=0.0000001) for number in range(1, 19)]
    streams = [_audio(0, concealed=240_000), *listeners, _audio(19, concealed=2400)]
    assert _down(stage, streams) == {"cnc": 50, "cns": 1, "jit": 4}


def test_all_who_are_heard_badly_are_counted(stage: Stage) -> None:
    streams = [_audio(0, concealed=4800), _audio(1, concealed=48_000), _audio(2, concealed=4799)]
    assert _down(stage, streams) == {"cnc": 10, "cns": 2, "jit": 4}


@pytest.mark.parametrize(
    "stream",
    [
        _audio(0, concealed=400_000, energy=0),
        _audio(0, concealed=400_000, energy=0.0000099),
        _audio(0, concealed=400_000, packets=25),
        _audio(0, concealed=400_000, packets=0),
    ],
    ids=["muted", "below -60 dB", "DTX", "gone"],
)
def test_nobody_hears_what_a_silent_stream_conceals(stage: Stage, stream: Stream) -> None:
    assert _down(stage, [stream, _audio(1, concealed=1200)]) == {"cnc": 0.25, "cns": 0, "jit": 4}


def test_without_anybody_to_hear_concealment_is_unknown(stage: Stage) -> None:
    assert _down(stage, [_audio(0, concealed=400_000, packets=25)]) == {"jit": 4}


def test_silence_that_is_concealed_is_not_heard(stage: Stage) -> None:
    assert _down(stage, [_audio(0, concealed=48_000, silent=96_000)])["cnc"] == 10


def test_the_worst_visible_video_counts(stage: Stage) -> None:
    """720p is seen, 360p too; 180p is a thumbnail, and what is not decoded is not seen."""
    streams = [
        _video(1, frames=180, frozen=4),
        _video(2, height=360, frames=290, frozen=0.5),
        _video(3, height=180, frames=60, frozen=8),
        _video(4, frames=0, frozen=9),
    ]
    assert _down(stage, streams) == {"frz": 40, "frs": 2}


def test_small_videos_of_one_size_are_all_judged(stage: Stage) -> None:
    streams = [_video(number, height=180) for number in range(1, 9)]
    assert _down(stage, [*streams, _video(9, height=180, frames=210, frozen=3)]) == {
        "frz": 30,
        "frs": 1,
    }


@pytest.mark.parametrize(
    "stream",
    [
        _video(1, height=1080, frames=10, frozen=6.4, content="screenshare"),
        _video(1, height=1080, frames=200, frozen=3.1, content="screenshare"),
        _video(1, height=1080, frames=10, frozen=6.4),
        _video(1, height=1080, frames=50, frozen=1),
        _video(1, frames=200, frozen=63),
    ],
    ids=["still share", "moving share", "still slide", "5 frames a second", "was off before"],
)
def test_no_freeze_where_no_frames_were_expected(stage: Stage, stream: Stream) -> None:
    camera = _video(2, height=720, frames=295, frozen=0.2)
    thumbnail = _video(3, height=180, frames=100, frozen=5)
    assert _down(stage, [stream, camera, thumbnail]) == {"frz": 2, "frs": 1}


@pytest.mark.parametrize(
    "stream",
    [
        _video(1, frames=9, frozen=6.4),
        _video(1, frames=9, frozen=6.4, content="screenshare"),
    ],
)
def test_with_a_shared_screen_alone_freezes_are_unknown(stage: Stage, stream: Stream) -> None:
    assert _down(stage, [stream]) == {}


def test_jitsi_knows_shared_screens_and_cameras_that_are_off(stage: Stage) -> None:
    """Where the browser's report has no type of content, as in Firefox."""
    tracks = [
        {"ssrc": 1, "muted": False, "kind": "desktop"},
        {"ssrc": 2, "muted": True, "kind": "camera"},
        {"ssrc": 3, "muted": False, "kind": "camera"},
    ]
    stage.page.evaluate(_PARTICIPANTS, tracks)
    streams = [_video(ssrc, frames=220, frozen=2 + ssrc) for ssrc in (1, 2)]
    assert _down(stage, [*streams, _video(3, frames=297, frozen=0.1)]) == {"frz": 1, "frs": 1}


def test_a_camera_that_was_off_between_two_ticks_is_not_judged(stage: Stage) -> None:
    between = """() => {
      const track = { isLocal: () => false, isMuted: () => false, getSsrc: () => 1 };
      APP.conference._room.emit("conference.trackMuteChanged", track);
    }"""
    streams = [_video(1, frames=220, frozen=3), _video(2, frames=270, frozen=1)]
    assert _down(stage, streams, between) == {"frz": 10, "frs": 1}


def test_nobody_sees_the_videos_of_a_hidden_page(stage: Stage) -> None:
    between = """() => {
      const show = (value) => {
        Object.defineProperty(document, "visibilityState", { value, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      };
      show("hidden");
      show("visible");
    }"""
    assert _down(stage, [_video(1, frames=220, frozen=3)], between) == {}


def test_jitter_of_video_is_not_the_jitter_of_audio(stage: Stage) -> None:
    assert "jit" not in _down(stage, [_video(1)])


def test_jitter_is_that_of_audio_where_video_comes_too(stage: Stage) -> None:
    assert _down(stage, [_video(1), _audio(0)])["jit"] == 4
