"""The readings of the script, compared with the oracle and with whole reports of browsers."""

from typing import Any

import pytest

from tests.client.conftest import MakeStage, Stage
from tests.support.oracle import fold, of_the_call, ticks
from tests.support.recordings import reports, stats_events, stats_of

_SETUPS = sorted({(stats_event["setup"], stats_event["page"]) for stats_event in stats_events()})


@pytest.mark.parametrize(("setup", "page"), _SETUPS)
def test_every_recorded_event_gives_the_readings_of_the_oracle(
    make_stage: MakeStage, setup: str, page: str
) -> None:
    records = stats_of(setup, page)
    # A breakout room gives the participant a new id; this test needs one session.
    records = [item for item in records if item["me"] == records[0]["me"]]
    stage = make_stage(clock=True, sample_interval=10, push_interval=3600)
    stage.join(me=records[0]["me"])
    for record in records:
        stage.emit(record)
        stage.pass_time(10_000)
    expected: list[dict[str, Any]] = []
    for _, state in ticks(records):
        if not expected or expected[-1] != state:
            expected.append(state)
    queued = stage.page.evaluate(
        "JSON.parse(Object.entries(localStorage).find(([key]) => key.startsWith('jmmc_queue_'))[1])"
    )
    stored = [
        {**sample["m"], **_marks(sample)} for sample in _all_samples(stage, queued["samples"])
    ]
    states: list[dict[str, Any]] = []
    for state in map(of_the_call, fold(stored)):
        if state and (not states or states[-1] != state):
            states.append(state)
    assert states == expected
    assert stage.logged == []


def _marks(sample: dict[str, Any]) -> dict[str, Any]:
    return {key: True for key in ("full", "bye") if sample.get(key)}


def _all_samples(stage: Stage, queued: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_seq = {sample["seq"]: sample for sample in [*stage.samples, *queued]}
    assert sorted(by_seq) == list(range(len(by_seq)))
    return [by_seq[seq] for seq in sorted(by_seq)]


_PROBE = """
([before, after, me]) => {
  const report = (stats) => new Map(stats.map((stat) => [stat.id, stat]));
  const reports = [report(before), report(after)];
  APP.conference._room.pc = {
    peerconnection: { getStats: async () => reports.length > 1 ? reports.shift() : reports[0] },
  };
}
"""


def _grown(stats: list[dict[str, Any]], **growth: float) -> list[dict[str, Any]]:
    """The report ten seconds later, with each counter grown by the given amount."""
    later = []
    for stat in stats:
        grown = {**stat, "timestamp": stat["timestamp"] + 10_000}
        for key, amount in growth.items():
            if key in stat:
                grown[key] = stat[key] + amount
        later.append(grown)
    return later


@pytest.mark.parametrize("report", reports(), ids=[item["who"] for item in reports()])
def test_the_peer_connection_gives_readings_that_jitsi_lacks(
    make_stage: MakeStage, report: dict[str, Any]
) -> None:
    """A report of each browser; ten seconds later all counters have grown by known amounts."""
    before = report["stats"]
    growth = {
        "packetsSent": 100,
        "packetsReceived": 500,
        "packetsLost": 5,
        "framesDecoded": 250,
        "totalFreezesDuration": 1.0,
        "totalAudioEnergy": 0.01,
        "totalSamplesDuration": 10,
        "totalSamplesReceived": 1000,
        "concealedSamples": 130,
        "silentConcealedSamples": 30,
    }
    stage = make_stage(clock=True, sample_interval=10, push_interval=10)
    record = stats_of("bridge + simulcast + e2eping", "A")[3]
    stage.join(me=record["me"])
    stage.page.evaluate(_PROBE, [before, _grown(before, **growth), record["me"]])
    for _ in range(2):
        stage.emit(record)
        stage.pass_time(10_000)
    stage.pass_time(10_000)
    stage.wait_for(3)
    state = fold([sample["m"] for sample in stage.samples])[-1]

    kinds = [item["type"] for item in before]
    outgoing = kinds.count("outbound-rtp")
    remote = kinds.count("remote-inbound-rtp")
    if remote:
        lost = sum("packetsLost" in item for item in before if item["type"] == "remote-inbound-rtp")
        assert state["u.pl"] == pytest.approx(100 * 5 * lost / (100 * outgoing), abs=0.01)
        assert state["u.jit"] >= 0
    assert state["rtt"] >= 0
    assert state["d.frz"] == pytest.approx(10, abs=0.01), "one second of ten"
    assert state["d.cnc"] == pytest.approx(10, abs=0.01), "100 of 1,000 samples were audible"
    received = [item for item in before if item["type"] == "inbound-rtp"]
    large = [item for item in received if item.get("frameHeight", 0) > 100]
    assert state["d.cns"] == sum(item["kind"] == "audio" for item in received)
    assert state["d.frs"] == len(large), "thumbnails are not judged"
    limits = {item.get("qualityLimitationReason") for item in before} - {None}
    assert ("u.lim" in state) == bool(limits)
    assert stage.logged == []


def test_a_decreasing_counter_gives_no_negative_loss(make_stage: MakeStage) -> None:
    """Firefox counts lost packets below zero."""
    before = reports()[0]["stats"]
    stage = make_stage(clock=True, sample_interval=10, push_interval=10)
    record = stats_of("bridge", "FF")[3]
    stage.join(me=record["me"])
    stage.page.evaluate(_PROBE, [before, _grown(before, packetsLost=-50, packetsSent=10), ""])
    for _ in range(2):
        stage.emit(record)
        stage.pass_time(10_000)
    stage.pass_time(10_000)
    stage.wait_for(2)
    state = fold([sample["m"] for sample in stage.samples])[-1]
    assert state.get("u.pl", 0) == 0


def test_without_the_peer_connection_its_readings_are_absent(make_stage: MakeStage) -> None:
    stage = make_stage(clock=True, sample_interval=10, push_interval=10)
    record = stats_of("bridge + simulcast + e2eping", "A")[3]
    stage.join(me=record["me"])
    stage.emit(record)
    stage.wait_for(2)
    state = fold([sample["m"] for sample in stage.samples])[-1]
    assert not {"u.pl", "u.jit", "d.jit", "d.frz", "d.frs", "d.cnc", "d.cns", "u.lim"} & set(state)


def test_jitsis_own_upload_loss_is_never_sent(make_stage: MakeStage) -> None:
    stage = make_stage()
    record = stats_of("bridge + simulcast + e2eping", "A")[3]
    stage.join(me=record["me"])
    stage.emit(record)
    stage.wait_for(2)
    assert "pl" not in stage.samples[-1]["m"]["u"]
    assert "pl" in stage.samples[-1]["m"]["d"]


def test_no_address_is_sent_with_ip_none(make_stage: MakeStage) -> None:
    stage = make_stage(ip="none")
    record = stats_of("p2p ipv6 only", "A")[4]
    stage.join(me=record["me"])
    stage.emit(record)
    stage.wait_for(2)
    transport = stage.samples[-1]["m"]["t"]
    assert transport["tp"] == "udp"
    assert not {"ip", "p", "lip", "lp"} & set(transport)


def test_an_ipv6_call_has_its_addresses_and_ports(make_stage: MakeStage) -> None:
    stage = make_stage()
    record = stats_of("p2p ipv6 only", "A")[4]
    stage.join(me=record["me"])
    stage.emit(record)
    stage.wait_for(2)
    transport = stage.samples[-1]["m"]["t"]
    assert ":" in transport["ip"]
    assert isinstance(transport["p"], int)
