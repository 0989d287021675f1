"""Loss and jitter of audio and video apart, who sends badly, and what the machine had to do."""

from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Route

from tests.client.conftest import MakeStage, Stage
from tests.support.oracle import fold
from tests.support.recordings import Record, lossy_call, stats_of

_RECORD = stats_of("bridge + simulcast + e2eping", "A")[3]
# Whose the SSRCs are.
_SENDERS = """
senders => {
  APP.conference._room.getParticipants = () => Object.entries(senders).map(([id, ssrcs]) => ({
    getId: () => id,
    getTracks: () => ssrcs.map((ssrc) => ({
      isMuted: () => false, getVideoType: () => "camera", getSsrc: () => ssrc })),
  }));
}
"""

Stat = dict[str, Any]


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    stage = make_stage(clock=True)
    stage.join(me=_RECORD["me"])
    return stage


def _ticks(stage: Stage, reports: list[list[Stat]]) -> list[dict[str, Any]]:
    """What holds after each tick; a report is read at each, and one half-way between two.

    The quality counts the ticks.
    """
    stage.report(reports)
    count = (len(reports) + 1) // 2
    for number in range(count):
        stage.emit({**_RECORD, "payload": {**_RECORD["payload"], "connectionQuality": number}})
        stage.pass_time(5000)
        stage.pass_time(5000)
    stage.pass_time(30_000)
    assert stage.logged == []
    states = {state.get("cq"): state for state in fold([s["m"] for s in stage.samples])}
    return [states[number] for number in range(count)]


def _grown(stats: list[Stat], seconds: int = 10) -> list[list[Stat]]:
    """A report, and those five and ten seconds later: `+` of each stat has its growth by then."""
    reports = []
    for part in (0, 0.5, 1):
        report = []
        for stat in stats:
            growth = stat.get("+", {})
            later = {key: value for key, value in stat.items() if key != "+"}
            for key, amount in growth.items():
                if isinstance(amount, dict):
                    later[key] = {name: 100 + part * value for name, value in amount.items()}
                else:
                    later[key] = 1000 + part * amount
            later["timestamp"] = 1_700_000_000_000 + 1000 * part * seconds
            report.append(later)
        reports.append(report)
    return reports


def _second_tick(stage: Stage, stats: list[Stat]) -> dict[str, Any]:
    return _ticks(stage, _grown(stats))[-1]


def _audio(ssrc: int, received: float = 500, lost: float = 0, concealed: float = 0) -> Stat:
    growth = {
        "packetsReceived": received,
        "packetsLost": lost,
        "totalAudioEnergy": 0.05,
        "totalSamplesDuration": 10,
        "totalSamplesReceived": 480_000,
        "concealedSamples": concealed,
    }
    return {"id": f"A{ssrc}", "type": "inbound-rtp", "kind": "audio", "ssrc": ssrc, "+": growth}


def _video(ssrc: int, received: float = 1000, lost: float = 0, frozen: float = 0) -> Stat:
    growth = {
        "packetsReceived": received,
        "packetsLost": lost,
        "framesDecoded": 250,
        "totalFreezesDuration": frozen,
    }
    picture = {"id": f"V{ssrc}", "type": "inbound-rtp", "kind": "video", "ssrc": ssrc}
    return {**picture, "frameWidth": 1280, "frameHeight": 720, "+": growth}


def _film(**growth: Any) -> Stat:
    return {"id": "OV", "type": "outbound-rtp", "kind": "video", "+": growth}


def test_without_the_part_for_calls_the_rest_is_sent_and_the_next_tick_loads_it(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(clock=True)
    tried = []

    def fail_once(route: Route) -> None:
        tried.append(route.request.url)
        if len(tried) == 1:
            route.abort()
        else:
            route.fallback()

    stage.page.route("**/getReport", fail_once)
    stage.join(me=_RECORD["me"])
    first, _ = _ticks(stage, _grown([_audio(1, 450, 50)])[:2] * 2)
    assert ("rtt" in first, "d.apl" in first) == (True, False)
    stage.wait_until(lambda: stage.page.evaluate("!!window.__jmmcReport"))
    assert len(tried) == 2
    states = _ticks(stage, _grown([_audio(1, 450, 50)]))
    assert states[-1]["d.apl"] == 10


# --- a recorded call whose losses a relay between the browsers counted ---


def _true_loss(before: Record, after: Record, kind: str) -> float:
    lost, sent = (
        after["truth"][kind][count] - before["truth"][kind][count] for count in ("lost", "sent")
    )
    return float(100 * lost / sent)


def test_what_a_browser_receives_is_lost_as_the_relay_lost_it(stage: Stage) -> None:
    records = lossy_call()
    states = _ticks(stage, [record["callee"] for record in records])
    for state, (before, after) in zip(states[1:], pairwise(records[::2]), strict=False):
        assert state["d.apl"] == pytest.approx(_true_loss(before, after, "audio"), abs=1)
        assert state["d.vpl"] == pytest.approx(_true_loss(before, after, "video"), abs=1)
    assert max(state["d.apl"] for state in states[1:]) > 12


def test_what_a_browser_sends_is_lost_as_the_relay_lost_it(stage: Stage) -> None:
    """Up to three of four packets of this video are retransmissions and probes. The reports of the
    receiver come every second, of audio every five seconds: shares of the whole call are compared.
    """
    records = lossy_call()
    states = _ticks(stage, [record["caller"] for record in records])[2:]
    audio, video, pooled = (
        sum(state[key] for state in states) / len(states) for key in ("u.apl", "u.vpl", "u.pl")
    )
    true_video = _true_loss(records[4], records[-1], "video")
    assert audio == pytest.approx(_true_loss(records[4], records[-1], "audio"), abs=1.5)
    assert true_video / 2 <= video <= true_video + 0.5
    assert pooled < 0.6 * audio, "the loss of all packets together hides that of the audio"


# --- reports worked out by hand ---


def test_the_loss_of_audio_is_not_diluted_by_video(stage: Stage) -> None:
    """Of 100 audio packets 10 are lost, of 900 of the video 27: 3.7 % of all."""
    state = _second_tick(stage, [_audio(1, 450, 50), _video(2, 4365, 135)])
    assert (state["d.apl"], state["d.vpl"]) == (10, 3)


def test_retransmissions_and_probes_are_no_video(stage: Stage) -> None:
    video = _video(2, 4000, 100)
    video["+"]["retransmittedPacketsReceived"] = 3100
    assert _second_tick(stage, [video])["d.vpl"] == 10


def test_packets_that_firefox_counts_twice_are_no_negative_loss(stage: Stage) -> None:
    state = _second_tick(stage, [_audio(1, 1000, -500), _video(2, 900, 100)])
    assert (state["d.apl"], state["d.vpl"]) == (0, 10)


def test_the_receiver_of_firefox_says_what_arrived(stage: Stage) -> None:
    remote = {"id": "RV", "type": "remote-inbound-rtp", "kind": "video", "localId": "OV"}
    remote["+"] = {"packetsReceived": 285, "packetsLost": 15}
    assert _second_tick(stage, [_film(packetsSent=1500), remote])["u.vpl"] == 5


@pytest.mark.parametrize(("share", "loss"), [(0.06, 6), (0, 1), (0.5, 12)])
def test_probes_are_discounted_by_the_share_that_the_receiver_reports(
    stage: Stage, share: float, loss: float
) -> None:
    """Of 3,000 packets, 30 were lost. They were 250 frames at least."""
    remote = {"id": "RV", "type": "remote-inbound-rtp", "kind": "video", "localId": "OV"}
    remote |= {"fractionLost": share, "+": {"packetsLost": 30}}
    film = _film(packetsSent=3100, retransmittedPacketsSent=100, framesSent=250)
    assert _second_tick(stage, [film, remote])["u.vpl"] == loss


def test_the_jitter_of_video_is_apart_in_steps(stage: Stage) -> None:
    audio, video = {**_audio(1), "jitter": 0.004}, {**_video(2), "jitter": 0.0172}
    state = _second_tick(stage, [audio, video])
    assert (state["d.jit"], state["d.vjt"]) == (4, 20)


def test_the_worst_senders_are_named(stage: Stage) -> None:
    senders = {"good0001": [1, 2], "lossy002": [3, 4], "frozen03": [5, 6], "slow0004": [7]}
    stage.page.evaluate(_SENDERS, {**senders, "fifth005": [9]})
    streams = [
        _audio(1, 500, 4),
        _video(2),
        _audio(3, 431, 69, concealed=43_200),
        _video(4, 950, 50),
        _audio(5),
        _video(6, frozen=4),
        _audio(7, 480, 20),
        _audio(9, 485, 15),
    ]
    assert _second_tick(stage, streams)["d.by"] == [
        ["frozen03", 0, 0, 0, 40],
        ["lossy002", 14, 9, 5, 0],
        ["slow0004", 4, 0, None, None],
    ]


def test_a_bad_half_of_a_tick_names_its_senders_alone(stage: Stage) -> None:
    stage.page.evaluate(_SENDERS, {"lossy001": [1]})
    bad = _grown([_audio(1, 400, 100)])
    good = _grown([_audio(1, 500, 0)])[-1]
    for key in ("packetsReceived", "packetsLost"):
        good[0][key] += bad[-1][0][key] - 1000
    good[0]["totalAudioEnergy"] += 0.05
    _ticks(stage, [bad[0], bad[0], bad[0], bad[-1], good, good])
    named = [s["m"]["d"]["by"] for s in stage.samples if "by" in s["m"].get("d", {})]
    assert named == [[["lossy001", 20, 0, None, None]], None]


@pytest.mark.parametrize("received", [25, 500])
def test_one_packet_of_a_silent_sender_names_nobody(stage: Stage, received: int) -> None:
    stage.page.evaluate(_SENDERS, {"silent01": [1]})
    assert "d.by" not in _second_tick(stage, [_audio(1, received, 1)])


def test_senders_who_stay_bad_are_sent_once(stage: Stage) -> None:
    stage.page.evaluate(_SENDERS, {"lossy001": [1]})
    stream = _audio(1, 900, 100)
    stream["+"] |= {"totalAudioEnergy": 0.1, "totalSamplesDuration": 20}
    first, middle, last = _grown([stream], seconds=20)
    _ticks(stage, [first, first, middle, middle, last])
    named = [by for s in stage.samples if (by := s["m"].get("d", {}).get("by"))]
    assert named == [[["lossy001", 10, 0, None, None]]]


def test_the_work_for_a_frame_and_dropped_frames(stage: Stage) -> None:
    film = _film(totalEncodeTime=2.27, framesEncoded=100)
    film["powerEfficientEncoder"] = True
    small, large = _video(1), _video(2)
    small |= {"frameWidth": 320, "frameHeight": 180, "powerEfficientDecoder": False}
    small["+"] |= {"totalDecodeTime": 0.5, "framesDropped": 0, "framesReceived": 250}
    large |= {"powerEfficientDecoder": True}
    large["+"] |= {"totalDecodeTime": 0.7, "framesDropped": 100, "framesReceived": 250}
    state = _second_tick(stage, [film, small, large])
    assert (state["u.enc"], state["d.dec"], state["d.drp"]) == (23, 2.5, 20)
    assert (state["u.pe"], state["d.pe"]) == (True, True)


_LIMITED = {"cpu": 2.5, "bandwidth": 5, "other": 0, "none": 2.5}


def test_limits_are_shares_of_the_time_and_not_counted_in_the_first_30_seconds(
    stage: Stage,
) -> None:
    """The camera is on from the first tick, and off for one at 60 seconds."""
    reports = []
    frames = 0
    limited = dict.fromkeys(_LIMITED, 0.0)
    for second in range(0, 121, 5):
        frames += 0 if 60 <= second <= 70 else 125
        limited = {name: limited[name] + _LIMITED[name] / 2 for name in limited}
        film = {"id": "OV", "type": "outbound-rtp", "kind": "video", "framesEncoded": frames}
        film |= {"qualityLimitationReason": "bandwidth", "qualityLimitationDurations": limited}
        reports.append([film])
    states = _ticks(stage, reports)
    shares = [(state["u.lim"], state.get("u.lcp"), state.get("u.lbw")) for state in states]
    ramp, steady = ("none", 0, 0), ("bandwidth", 25, 50)
    assert shares[0] == ("none", None, None)
    assert shares[1:4] == [ramp] * 3
    assert shares[4:7] == [steady] * 3
    assert shares[7:11] == [ramp] * 4
    assert shares[11:] == [steady] * 2


def test_long_tasks_are_a_share_of_the_time(stage: Stage) -> None:
    """The page's own observer says how long the tasks really were."""
    stage.report([[]])
    stage.emit(_RECORD)
    stage.pass_time(10_000)
    stage.page.evaluate(
        """async () => {
          const seen = new Promise((done) => {
            window.observer = new PerformanceObserver((list) =>
              done(list.getEntries().reduce((sum, task) => sum + task.duration, 0)));
            observer.observe({ type: "longtask" });
          });
          const busy = new MessageChannel();
          busy.port1.onmessage = () => {
            for (let turn = 0, x = 1; turn < 3e7; turn++) x = (x * 16807) % 2147483647;
          };
          busy.port2.postMessage(0);
          window.tasks = await seen;
        }"""
    )
    stage.emit(_RECORD)
    stage.pass_time(20_000)
    tasks = stage.page.evaluate("tasks")
    assert tasks >= 50
    shares = [state["lt"] for state in fold([s["m"] for s in stage.samples]) if "lt" in state]
    assert max(shares) == pytest.approx(tasks / 100, abs=1)


# --- a real peer connection ---

_REAL = """
async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
  const pen = canvas.getContext("2d");
  setInterval(() => {
    pen.fillStyle = `hsl(${Math.random() * 360} 80% 50%)`;
    pen.fillRect(Math.random() * 600, Math.random() * 320, 40, 40);
  }, 40);
  const sound = new AudioContext();
  const tone = new OscillatorNode(sound);
  const spoken = new MediaStreamAudioDestinationNode(sound);
  tone.connect(spoken);
  tone.start();
  const [here, there] = [new RTCPeerConnection(), new RTCPeerConnection()];
  for (const [near, far] of [[here, there], [there, here]]) {
    near.onicecandidate = ({ candidate }) => candidate && far.addIceCandidate(candidate);
    for (const stream of [spoken.stream, canvas.captureStream(25)])
      for (const track of stream.getTracks()) near.addTrack(track.clone(), stream);
  }
  await here.setLocalDescription(await here.createOffer());
  await there.setRemoteDescription(here.localDescription);
  await there.setLocalDescription(await there.createAnswer());
  await here.setRemoteDescription(there.localDescription);
  APP.conference._room.pc = { peerconnection: here };
  const framed = async () => [...(await here.getStats()).values()].some(
    (stat) => stat.type === "inbound-rtp" && stat.framesDecoded > 0);
  while (!(await framed())) await new Promise((done) => setTimeout(done, 50));
}
"""


def test_a_real_call_in_this_browser_has_the_readings(make_stage: MakeStage) -> None:
    stage = make_stage(push_interval=1, sample_interval=1)
    stage.join(me=_RECORD["me"])
    stage.page.evaluate(_REAL)
    stage.emit(_RECORD)
    stage.page.wait_for_timeout(1500)
    stage.emit({**_RECORD, "payload": {**_RECORD["payload"], "connectionQuality": 50}})
    stage.wait_until(lambda: any("dec" in s["m"].get("d", {}) for s in stage.samples))
    state = fold([sample["m"] for sample in stage.samples])[-1]
    lost = ("d.apl", "d.vpl", "u.apl", "u.vpl")
    assert {state[key] for key in lost if key in state} == {0}
    assert (state["u.lim"], state["u.lcp"], state["u.lbw"]) == ("none", 0, 0)
    assert 0 <= state["u.enc"] < 200
    assert 0 <= state["d.dec"] < 200
    assert state["d.drp"] < 50
    assert "d.by" not in state
    assert stage.logged == []
