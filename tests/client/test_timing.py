"""Which time the pushed samples describe, against a call whose truth is known second by second."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.client.conftest import MakeStage, Stage
from tests.support.oracle import flatten
from tests.support.recordings import stats_of

_RECORD = stats_of("bridge + simulcast + e2eping", "A")[3]
_ME = _RECORD["me"]
_LOSS = "d.pl"
_SENT = """
() => {
  window.sentAt = [];
  const real = window.fetch;
  window.fetch = (...args) => {
    sentAt.push(performance.now());
    return real(...args);
  };
}
"""
# A peer connection that loses 40 % of what it receives from one second to another, or, with `dark`,
# receives nothing then and counts all of it as lost when packets arrive again.
_LOSES = """
([from, to, dark]) => {
  const joined = performance.now();
  const getStats = async () => {
    const at = (performance.now() - joined) / 1000;
    const bad = Math.min(Math.max(0, at - from), to - from);
    const lost = dark ? (at < to ? 0 : 100 * bad) : 40 * bad;
    const arrived = 100 * at - (dark ? 100 : 40) * bad;
    return new Map([["A", { id: "A", type: "inbound-rtp", kind: "audio", timestamp: 1000 * at,
      packetsReceived: arrived, packetsLost: lost }]]);
  };
  APP.conference._room.pc = { peerconnection: { getStats } };
}
"""
_PEER = "name => { APP.conference._room.pc = { peerconnection: { name } }; }"


class Claim(NamedTuple):
    """What one sample says: readings that hold from `start` to `end`, in seconds of the call."""

    start: float
    end: float
    readings: dict[str, Any]


class Call:
    """A call in a page whose clock the test moves; seconds count from the join."""

    def __init__(self, make_stage: MakeStage, **settings: Any) -> None:
        self.stage: Stage = make_stage(clock=True, **settings)
        self.stage.page.evaluate(_SENT)
        self._quality = 0
        self.stage.join(me=_ME)
        self.stage.wait_for(1)
        self._joined = self.stage.page.evaluate("performance.now()")
        self.now = 0.0

    def until(self, second: float) -> None:
        self.stage.pass_time(round(1000 * (second - self.now)))
        self.now = second

    def tick(self, at: float, loss: float = 0, **changes: Any) -> None:
        """Jitsi's statistics, each with another bitrate."""
        self.until(at)
        self._quality += 1
        rates = {**_RECORD["payload"]["bitrate"], "audio": {"upload": self._quality % 50}}
        payload = {
            **_RECORD["payload"],
            "bitrate": rates,
            "packetLoss": {"download": loss},
            **changes,
        }
        self.stage.emit({**_RECORD, "payload": payload})
        self.stage.answered()

    def steady_tick(self, at: float, loss: float = 0) -> None:
        """Statistics of which nothing but the loss ever changes."""
        self.until(at)
        self.stage.emit(
            {**_RECORD, "payload": {**_RECORD["payload"], "packetLoss": {"download": loss}}}
        )
        self.stage.answered()

    def event(self, at: float, name: str, *arguments: Any) -> None:
        self.until(at)
        self.stage.raise_event(name, *arguments)

    def mute(self, at: float, kind: str = "audio") -> None:
        self.until(at)
        self.stage.page.evaluate(
            """kind => APP.conference._room.emit("conference.trackMuteChanged",
              { isLocal: () => true, isMuted: () => true, getType: () => kind,
              getVideoType: () => undefined })""",
            kind,
        )

    def leave(self, at: float) -> None:
        self.until(at)
        self.stage.page.evaluate("jitsi.leave()")
        self.stage.wait_until(lambda: any(sample.get("bye") for sample in self.stage.samples))

    def claims(self) -> list[Claim]:
        """Fold the samples by the protocol's rule: each speaks of the time before it."""
        self.stage.answered()
        sent = self.stage.page.evaluate("sentAt")
        samples: dict[int, tuple[float, dict[str, Any]]] = {}
        for at, push in zip(sent, self.stage.pushes, strict=True):
            for sample in push["samples"]:
                moment = (at - self._joined) / 1000 - sample["age"]
                samples.setdefault(sample["seq"], (moment, sample))
        assert sorted(samples) == list(range(len(samples)))
        state: dict[str, Any] = {}
        claims = []
        before = 0.0
        for seq in sorted(samples):
            moment, sample = samples[seq]
            if sample.get("full"):
                state = {}
            state = {**state, **flatten(sample["m"])}
            known = {path: value for path, value in state.items() if value is not None}
            claims.append(Claim(before, moment, {**known, "ev": sample["m"].get("ev", [])}))
            before = max(before, moment)
        return claims

    def events(self) -> list[tuple[str, float]]:
        """Each event with its moment, in seconds of the call."""
        found = []
        for claim in self.claims():
            for event in claim.readings["ev"]:
                name, age = (event, 0.0) if isinstance(event, str) else event
                found.append((name, claim.end - age))
        return found


def _spans(call: Call, matches: Callable[[dict[str, Any]], bool]) -> list[tuple[float, float]]:
    """The spans of time of the samples that match, adjacent ones joined."""
    spans: list[tuple[float, float]] = []
    for start, end, readings in call.claims():
        if end - start < 0.15 or not matches(readings):
            continue
        if spans and start - spans[-1][1] < 0.15:
            start = spans.pop()[0]
        spans.append((start, end))
    return spans


def _is_bad(readings: dict[str, Any]) -> bool:
    return bool(readings.get(_LOSS, 0) >= 10)


def _play(call: Call, until: float, bad: Callable[[int], bool], *, first: float = 10) -> None:
    """Ticks with the mean of the truth since the tick before, 20 % loss in each bad second."""
    at, before = first, 0.0
    jitter = [0.0, 0.4, -0.3, 0.1, -0.4, 0.2]
    number = 0
    while at < until:
        seconds = [bad(second) for second in range(int(before), int(at))]
        call.tick(at, 20 * sum(seconds) / len(seconds))
        before = at
        number += 1
        at = round(first + 10 * number + jitter[number % 6], 1)


@pytest.mark.parametrize("phase", [0.4, 3, 5.5, 9.9])
def test_a_bad_end_of_a_call_is_reported(make_stage: MakeStage, phase: float) -> None:
    """Bad for the last 25 seconds, then hang-up: whenever the ticks were."""
    call = Call(make_stage)
    end = 180 + phase
    _play(call, end, lambda second: second >= end - 25)
    call.leave(end)
    ((start, last),) = _spans(call, _is_bad)
    assert 20 <= last - start <= 35
    assert last == pytest.approx(end, abs=0.2)


@pytest.mark.parametrize("phase", [2, 6, 9])
def test_a_bad_minute_is_reported_at_its_time(make_stage: MakeStage, phase: float) -> None:
    """Events between the ticks shift nothing."""
    call = Call(make_stage)
    at, before = float(phase), 0.0
    while at < 420:
        bad = [300 <= second < 360 for second in range(int(before), int(at))]
        call.tick(at, 20 * sum(bad) / len(bad))
        call.mute(at + 4)
        before, at = at, at + 10
    call.leave(425)
    ((start, end),) = _spans(call, _is_bad)
    assert start == pytest.approx(300, abs=10)
    assert end == pytest.approx(360, abs=10)
    assert 50 <= end - start <= 70


@pytest.mark.parametrize("gaps", [(9.6, 10.4), (10.4, 9.6, 9.7), (10.0,)])
def test_each_tick_is_a_sample(make_stage: MakeStage, gaps: tuple[float, ...]) -> None:
    call = Call(make_stage)
    ticks = [5.0]
    while ticks[-1] < 150:
        ticks.append(round(ticks[-1] + gaps[len(ticks) % len(gaps)], 1))
    for at in ticks:
        call.tick(at)
    call.leave(ticks[-1] + 1)
    ends = [claim.end for claim in call.claims()[1:-1]]
    assert ends == pytest.approx(ticks, abs=0.1)
    assert len(call.stage.pushes) <= 2 + 150 / 30 + 1


def test_unchanged_ticks_bound_the_time_of_the_next_change(make_stage: MakeStage) -> None:
    call = Call(make_stage)
    for at in range(4, 100, 10):
        call.steady_tick(at, 15 if at == 84 else 0)
    call.leave(95)
    assert _spans(call, _is_bad) == [pytest.approx((74, 84), abs=0.1)]


@pytest.mark.parametrize("push_interval", [5, 10, 30])
def test_heartbeats_and_events_claim_nothing(make_stage: MakeStage, push_interval: int) -> None:
    """The push interval ends just before each tick, which is the worst moment."""
    call = Call(make_stage, push_interval=push_interval)
    for at in range(1, 12):
        call.mute(10 * at - 3)
        call.steady_tick(10 * at + 0.3, 15 if at in (5, 6) else 0)
    call.leave(115)
    assert _spans(call, _is_bad) == [pytest.approx((40.3, 60.3), abs=0.2)]


def test_an_event_waits_for_the_next_tick_with_its_age(make_stage: MakeStage) -> None:
    call = Call(make_stage)
    call.tick(5)
    call.mute(9)
    call.mute(15, "video")
    call.tick(15)
    call.leave(16)
    events = [claim.readings["ev"] for claim in call.claims() if claim.readings["ev"]]
    assert events == [[["muted_audio", 6], "muted_video"]]


def test_without_ticks_the_push_interval_sends_events(make_stage: MakeStage) -> None:
    call = Call(make_stage)
    call.mute(12.5)
    call.until(31)
    assert call.events() == [("muted_audio", pytest.approx(12.5, abs=0.2))]
    assert len(call.stage.pushes) == 2


def test_an_interruption_ends_and_begins_samples(make_stage: MakeStage) -> None:
    call = Call(make_stage)
    for at in (5, 15, 25):
        call.tick(at, 12)
    call.event(31, "conference.connectionInterrupted")
    nothing = {"upload": 0, "download": 0}
    outage = {"transport": [], "bitrate": {**nothing, "audio": nothing, "video": nothing}}
    call.tick(35, 0, connectionQuality=0, **outage)
    call.tick(45, 0, connectionQuality=0, **outage)
    call.event(52, "conference.connectionRestored")
    call.tick(55, 1)
    call.tick(65, 1)
    call.leave(66)
    assert call.events() == [
        ("interrupted", pytest.approx(31, abs=0.1)),
        ("restored", pytest.approx(52, abs=0.1)),
    ]
    for path in (_LOSS, "cq", "rtt"):
        unknown = _spans(call, lambda readings, path=path: path not in readings)  # type: ignore[misc]
        assert unknown == [pytest.approx((31, 52), abs=0.1)], path
    assert _spans(call, _is_bad) == [pytest.approx((0, 31), abs=0.1)]


def test_jitsis_repeated_statistics_at_an_interruption_are_no_tick(make_stage: MakeStage) -> None:
    """It raises them with a quality of 0, before the event itself. In between, the app may draw."""
    call = Call(make_stage)
    call.stage.page.evaluate(
        "APP.conference._room.pc = {peerconnection: {getStats: () => new Promise(() => {})}}"
    )
    call.tick(5, 12)
    call.tick(15, 12)
    payload = {**_RECORD["payload"], "connectionQuality": 0}
    call.until(21)
    call.stage.page.evaluate(
        """record => { jitsi.emitStats(record);
          const { now } = performance;
          performance.now = () => now.call(performance) + 400;
          APP.conference._room.emit("conference.connectionInterrupted");
          performance.now = now;
          jitsi.emitStats(record); }""",
        {**_RECORD, "payload": payload},
    )
    call.leave(28)
    assert all(claim.readings.get("cq") != 0 for claim in call.claims())
    assert [name for name, _ in call.events()] == ["interrupted"]


def test_an_outage_without_an_event_begins_at_the_tick_before(make_stage: MakeStage) -> None:
    call = Call(make_stage)
    nothing = {"upload": 0, "download": 0}
    outage = {"transport": [], "bitrate": {**nothing, "audio": nothing, "video": nothing}}
    for at in (5, 15):
        call.tick(at, 1)
    call.tick(25, 0, connectionQuality=0, **outage)
    call.tick(35, 1)
    call.leave(36)
    assert call.events()[0] == ("interrupted", pytest.approx(15, abs=0.1))
    unknown = _spans(call, lambda readings: "rtt" not in readings)
    assert unknown[0][0] == pytest.approx(15, abs=0.1)
    assert unknown[0][1] >= 25


@pytest.mark.parametrize("kind", ["p2p", "restart"])
def test_another_peer_connection_begins_another_sample(make_stage: MakeStage, kind: str) -> None:
    """A change of path, or a new connection to the same bridge: without its first tick."""
    call = Call(make_stage)
    call.stage.page.evaluate(_PEER, "first")
    for at in (5, 15, 25):
        call.tick(at, 12)
    call.until(29)
    call.stage.page.evaluate(_PEER, "second")
    if kind == "p2p":
        call.event(29, "conference.p2pStatus", None, True)
    else:
        call.event(29, "conference.media_session.active_changed")
    nothing = {"upload": 0, "download": 0}
    start = {
        "connectionQuality": 0,
        "bitrate": {**nothing, "audio": nothing, "video": nothing},
    }
    call.tick(29.2, 0, transport=[], **start)
    call.tick(39, 0, **start)
    call.tick(49, 2)
    call.tick(59, 2)
    call.leave(60)
    assert all(claim.readings.get("cq") != 0 for claim in call.claims())
    assert _spans(call, _is_bad) == [pytest.approx((0, 29), abs=0.1)]
    good = _spans(call, lambda readings: readings.get(_LOSS) == 2)
    assert good == [pytest.approx((29, 60), abs=0.1)]
    expected = [("p2p", pytest.approx(29, abs=0.1))] if kind == "p2p" else []
    assert call.events() == expected


def test_a_connection_that_ends_is_unknown_from_its_last_tick_on(make_stage: MakeStage) -> None:
    """The others left: Jitsi has no more statistics."""
    call = Call(make_stage)
    for at in (5, 15, 25):
        call.tick(at, 3)
    call.leave(120)
    assert _spans(call, lambda readings: _LOSS in readings) == [pytest.approx((0, 25), abs=0.1)]


def test_hiding_the_page_claims_nothing(make_stage: MakeStage) -> None:
    """What is known is sent, because a hidden page may never run again."""
    call = Call(make_stage)
    call.tick(5)
    call.tick(15)
    call.until(21)
    call.stage.page.evaluate(
        """() => {
          Object.defineProperty(document, "visibilityState", { value: "hidden" });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    call.stage.answered()
    assert call.stage.samples[-1]["m"] == {"vis": False}
    call.tick(25, 15)
    call.leave(26)
    assert _spans(call, _is_bad) == [pytest.approx((15, 26), abs=0.1)]


def test_longer_samples_are_means_of_their_ticks(make_stage: MakeStage) -> None:
    call = Call(make_stage, sample_interval=30)
    for number, loss in enumerate((0, 0, 10, 20, 30, 0, 0)):
        call.tick(5 + 10 * number, loss)
    call.leave(66)
    values = [(claim.start, claim.end, claim.readings.get(_LOSS)) for claim in call.claims()[1:]]
    assert values == [
        pytest.approx((0, 5, 0), abs=0.1),
        pytest.approx((5, 35, 10), abs=0.1),
        pytest.approx((35, 65, 10), abs=0.1),
        pytest.approx((65, 66, 10), abs=0.1),
    ]


@pytest.mark.parametrize(("start", "end"), [(16, 44), (26, 43), (18, 60)])
@pytest.mark.parametrize("interval", [10, 30])
def test_halves_of_a_tick_that_are_unlike_are_samples_of_their_own(
    make_stage: MakeStage, start: int, end: int, interval: int
) -> None:
    call = Call(make_stage, sample_interval=interval)
    call.stage.page.evaluate(_LOSES, [start, end, False])
    before = 0
    for at in range(10, 71, 10):
        bad = max(0, min(at, end) - max(before, start))
        call.tick(at, 40 * bad / (at - before))
        before = at
    call.leave(75)
    spans = _spans(call, lambda readings: readings.get(_LOSS, 0) > 5)
    if interval == 10:
        assert spans == [(pytest.approx(start, abs=4.1), pytest.approx(end, abs=4.1))]
    assert sum(until - since for since, until in spans) >= end - start


def test_a_tick_with_steady_loss_is_one_sample(make_stage: MakeStage) -> None:
    call = Call(make_stage)
    call.stage.page.evaluate(_LOSES, [0, 100, False])
    for at in range(10, 60, 10):
        call.tick(at, 40)
    call.leave(51)
    ends = [claim.end for claim in call.claims() if claim.end - claim.start > 0.15]
    assert ends == pytest.approx([10, 20, 30, 40, 50, 51], abs=0.1)


def test_what_was_lost_in_an_outage_is_not_counted_after_it(make_stage: MakeStage) -> None:
    call = Call(make_stage)
    call.stage.page.evaluate(_LOSES, [21, 52, True])
    call.tick(10)
    call.tick(20)
    call.event(27, "conference.connectionInterrupted")
    call.event(52.5, "conference.connectionRestored")
    call.tick(60, 80)
    call.tick(70)
    call.leave(75)
    assert _spans(call, _is_bad) == []
    assert call.events() == [
        ("interrupted", pytest.approx(27, abs=0.1)),
        ("restored", pytest.approx(52.5, abs=0.1)),
    ]
