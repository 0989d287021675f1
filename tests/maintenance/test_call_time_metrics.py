"""What monitoring may see of the calls: each second once, by whoever keeps the summaries."""

from collections import Counter
from typing import Any

import msgspec
import pytest

from jmmc.core.label_values import OTHER, UNKNOWN, LabelValues, browser_family
from jmmc.core.model import Dialect, Sample, Session
from jmmc.core.partitions import partition_of
from jmmc.maintenance.call_time_metrics import MEASURES, CallTimeCounters, Labels
from jmmc.maintenance.summarizer import Summarizer
from jmmc.quality.accumulator import Formula, SessionAccumulator
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.summarize import sum_up
from jmmc.quality.summary import Summary
from jmmc.quality.thresholds import preset
from jmmc.simulation.scenario import Scenario, simulate
from jmmc.stores import Store
from tests.support.builders import RHYTHM, UID

_JITSI = preset("jitsi")
_BEGAN = 1_789_948_800
_SCENARIO = Scenario(participants=16, rooms=4, minutes=24, seed=3, start=_BEGAN)


class Call:
    """One session that gets longer, and is counted after every sample."""

    def __init__(self, call_time: CallTimeCounters) -> None:
        self._call_time = call_time
        self._samples: list[Sample] = []
        self._before: Summary | None = None

    def say(
        self, at: int, readings: dict[str, Any], *, now: int | None = None, bye: bool = False
    ) -> None:
        content = msgspec.json.encode(readings)
        self._samples.append(Sample(len(self._samples), _BEGAN + at, content, bye=bye))
        self.count(at + 3 if now is None else now)

    def count(self, now: int) -> None:
        session = Session("a" * 24, "room", UID, Dialect.V2, _BEGAN, tuple(self._samples))
        accumulator = SessionAccumulator.of(session, Formula.of(_JITSI, RHYTHM))
        after = sum_up(accumulator, _BEGAN + now).after(self._before)
        self._call_time.count(self._before, after, accumulator.spans, _BEGAN + now)
        self._call_time.catch_up(_BEGAN + now)
        self._before = after


def _call_time(*regions: str) -> CallTimeCounters:
    call_time = CallTimeCounters(regions, lifetime=75)
    call_time.take([])
    return call_time


def _by_grade(call_time: CallTimeCounters) -> dict[Grade, int]:
    total: Counter[Grade] = Counter()
    for grades in call_time.seconds.values():
        total.update(grades)
    return dict(total)


_JOIN = {"br": "Chrome 131", "os": "Windows 11"}
_DOWN = {"pl": 0, "jit": 4, "ab": 30, "vb": 970}
_WELL = {"cq": 100, "rtt": 20, "d": _DOWN, "t": {"sr": "eu", "tp": "udp"}}


def test_a_steady_value_counts_for_as_long_as_it_holds() -> None:
    call_time = _call_time()
    call = Call(call_time)
    call.say(0, _JOIN)
    call.say(30, _WELL)
    for at in range(60, 631, 30):
        call.say(at, {})
    assert call_time.seconds[Labels("eu", "Chrome", "udp")] == {
        **dict.fromkeys(Grade, 0),
        Grade.GOOD: 630,
    }
    found = {
        (measure.name, measure.direction): (spread.count, spread.sum)
        for measure, spread in zip(MEASURES, call_time.histograms["eu"], strict=True)
    }
    assert found["rtt", ""] == (630, pytest.approx(630 * 0.020))
    assert found["loss", "down"] == (630, 0.0)
    assert found["loss", "up"] == (0, 0.0), "nothing is known of it"
    assert found["bitrate", "down"] == (630, 630 * 1_000_000)
    assert found["mos", ""][0] == 630


def test_time_counts_when_its_end_is_known_and_only_once() -> None:
    call_time = _call_time()
    call = Call(call_time)
    call.say(0, _JOIN)
    for now in (5, 10, 29):
        call.count(now)
        assert sum(_by_grade(call_time).values()) == 0, "the next sample will say how it was"
    call.say(30, _WELL)
    call.count(31)
    call.count(40)
    assert _by_grade(call_time) == {**dict.fromkeys(Grade, 0), Grade.GOOD: 30}
    call.say(60, {"cq": 5, "d": {"pl": 40}})
    assert _by_grade(call_time)[Grade.POOR] == 30


def test_time_before_a_move_counts_for_the_old_region_and_time_after_for_the_new_one() -> None:
    call_time = _call_time()
    call = Call(call_time)
    call.say(0, _JOIN)
    call.say(30, _WELL)
    call.say(60, {"cq": 5, "d": {"pl": 40}})
    call.say(90, {"cq": 100, "d": {"pl": 0}, "t": {"sr": "us"}})
    eu, us = (call_time.seconds[Labels(region, "Chrome", "udp")] for region in ("eu", "us"))
    assert (eu[Grade.GOOD], eu[Grade.POOR], us[Grade.GOOD], us[Grade.POOR]) == (30, 30, 30, 0)
    assert call_time.histograms["us"][0].count == 30


def test_time_counts_for_the_bridge_that_it_was_on() -> None:
    call_time = _call_time()
    call = Call(call_time)
    call.say(0, _JOIN)
    call.say(30, {**_WELL, "t": {"sr": "eu", "tp": "udp", "p2p": False, "brg": "192.0.2.1"}})
    call.say(60, {"cq": 5, "d": {"pl": 40}, "t": {"brg": "192.0.2.2"}})
    seconds = {bridge: +Counter(grades) for bridge, grades in call_time.bridge_seconds.items()}
    assert seconds == {"192.0.2.1": {Grade.GOOD: 30}, "192.0.2.2": {Grade.POOR: 30}, UNKNOWN: {}}
    other = Call(call_time)
    other.say(0, _JOIN)
    other.say(30, _WELL)
    assert call_time.bridge_seconds[UNKNOWN][Grade.GOOD] == 30


def test_silence_and_gaps_count_as_unknown() -> None:
    call_time = _call_time()
    call = Call(call_time)
    call.say(0, {**_JOIN, **_WELL})
    call.say(200, {})
    assert _by_grade(call_time) == {
        **dict.fromkeys(Grade, 0),
        Grade.UNKNOWN: 170,
        Grade.GOOD: 30,
    }, "a sample speaks for one interval"


def test_time_that_becomes_known_too_late_is_counted_apart() -> None:
    call_time = _call_time()
    call = Call(call_time)
    call.say(0, {**_JOIN, **_WELL}, now=5000)
    call.say(30, {}, now=5000)
    assert (call_time.late, sum(_by_grade(call_time).values())) == (30, 0)
    for at in range(60, 4951, 30):
        call.say(at, {}, now=5000)
    assert (call_time.late, sum(_by_grade(call_time).values())) == (4400, 550)


def test_a_label_has_codes_in_place_of_control_characters() -> None:
    assert LabelValues(3).of("eu\x1b[2J\u202e\n") == "eu\\x1b[2J\\u202e\\n"
    assert len(LabelValues(3).of("\x1b" * 64)) == 64


def test_label_values_are_bounded_whatever_browsers_send() -> None:
    call_time = _call_time("home")
    for n in range(300):
        call = Call(call_time)
        call.say(0, {"br": f"B{n % 30} 1", "t": {"sr": f"r{n // 10}", "tp": "udp"}, "cq": 90})
        call.say(30, {})
    home = Call(call_time)
    home.say(0, {"br": "Firefox 133", "t": {"sr": "home", "tp": "udp"}, "cq": 90})
    home.say(30, {})
    regions = {second.region for second in call_time.seconds}
    assert len(regions) <= 22 and {"home", OTHER, UNKNOWN} <= regions
    assert len({second.browser for second in call_time.seconds}) <= 12
    assert len(call_time.seconds) <= 222
    assert sum(_by_grade(call_time).values()) == 301 * 30, "and nothing is left out"


def test_a_label_value_is_kept_once_it_was_used() -> None:
    names = LabelValues(2, ["a"])
    assert [names.of(name) for name in ("b", "c", "b", "a", "")] == ["b", OTHER, "b", "a", UNKNOWN]
    assert browser_family("Mobile Safari 18") == "Mobile Safari"
    assert browser_family("Chrome") == "Chrome"


def test_without_a_share_of_the_rooms_live_participants_are_unknown() -> None:
    call_time = CallTimeCounters(lifetime=75)
    assert call_time.live_counts(_BEGAN) is None
    call_time.take([])
    call = Call(call_time)
    call.say(0, _JOIN)
    call.say(30, _WELL)
    live_counts = call_time.live_counts(_BEGAN + 40)
    assert live_counts is not None
    assert live_counts.participants[Labels("eu", "Chrome", "udp"), Grade.GOOD] == 1
    assert (sum(live_counts.participants.values()), live_counts.meetings) == (1, 1)
    call_time.leave({partition_of("room")})
    live_counts = call_time.live_counts(_BEGAN + 40)
    assert live_counts is not None
    assert live_counts.connections == 0, "its rooms are others"
    call_time.counts = False
    assert call_time.live_counts(_BEGAN + 10) is None


def test_outdated_live_counts_are_unknown_not_zero() -> None:
    call_time = _call_time()
    call = Call(call_time)
    call.say(0, {**_JOIN, **_WELL})
    assert call_time.live_counts(_BEGAN + 200) is None, "the store is away"
    call_time.catch_up(_BEGAN + 200)
    live_counts = call_time.live_counts(_BEGAN + 200)
    assert live_counts is not None
    assert (sum(live_counts.participants.values()), live_counts.meetings) == (0, 0)


async def test_each_second_counts_once_over_a_change_of_leaders(store: Store) -> None:
    """What the counters of all collectors come to is what the summaries say at the end."""
    samples = sorted(
        ((sample, life.session) for life in simulate(_SCENARIO) for sample in life.session.samples),
        key=lambda value: value[0].ts,
    )
    now = float(_BEGAN)
    all_totals = [CallTimeCounters(lifetime=75) for _ in range(3)]
    collectors = [
        Summarizer(
            store,
            preset=_JITSI,
            rhythm=RHYTHM,
            clock=lambda: now,
            holder=str(n),
            call_time=call_time,
        )
        for n, call_time in enumerate(all_totals)
    ]
    seconds = [0, 0, 0]
    most = 0
    reports = store.reports
    while samples or await reports.backlog() or await reports.overdue(int(now), 1):
        now += 25
        batch = []
        while samples and samples[0][0].ts <= now - 2:
            sample, session = samples.pop(0)
            batch.append(session.as_push((sample,)))
        await store.append(batch)
        alive = min(int((now - _BEGAN) // 500), 2)  # The first two die, one after the other.
        for n, collector in enumerate(collectors[alive:], start=alive):
            await collector.step()
            counted = sum(_by_grade(all_totals[n]).values())
            assert counted >= seconds[n], "a counter never gets less"
            seconds[n] = counted
        leading = [totals for totals in all_totals[alive:] if totals.counts]
        assert len(leading) <= 1
        if leading and (live_counts := leading[0].live_counts(now)):
            rows = await store.reports.facts(("browser_id",), SummaryFilter(running=True))
            assert sum(live_counts.participants.values()) == len(set(rows))
            assert live_counts.connections == len(rows)
            most = max(most, len(rows))
    summaries = await store.reports.summaries(SummaryFilter(), limit=1000)
    assert len(summaries) == 16
    expected = {
        grade: sum(getattr(summary, grade.name.lower()) for summary in summaries) for grade in Grade
    }
    counted_by_all: Counter[Grade] = Counter()
    for call_time in all_totals:
        counted_by_all.update(_by_grade(call_time))
    assert dict(counted_by_all) == expected
    assert expected[Grade.POOR] > 0 and most > 2
    assert all(seconds), "each has led for a while"


def test_names_that_one_client_invents_leave_half_of_the_places_to_others() -> None:
    names = LabelValues(6, ["home", "away"])
    invented = [names.of(f"invented {number}", "198.18.0.0/24") for number in range(2000)]
    assert {*invented} == {"invented 0", "invented 1", OTHER}
    assert names.of("eu", "203.0.113.0/24") == OTHER, "from one source only"
    assert names.of("eu", "203.0.113.0/24") == OTHER
    assert names.of("eu", "192.0.2.0/24") == "eu"
    assert names.of("eu", "203.0.113.0/24") == "eu"
    assert names.of("us", "one") == OTHER
    assert names.of("us", "two") == "us"
    assert names.of("third", "one") == names.of("third", "two") == OTHER, "no place is left"


_JOINED = {**_JOIN, "t": {"sr": "eu"}, "set": {"join": 1500}}
_FAILED = {"fail": "ice_failed", "t": {"sr": "eu"}, "set": {"join": 9000}}


def _joins(call_time: CallTimeCounters) -> dict[tuple[str, ...], int]:
    return {tuple(labels): count for labels, count in call_time.joins.items() if count}


def _drops(call_time: CallTimeCounters) -> dict[tuple[str, str], int]:
    return {labels: count for labels, count in call_time.drops.items() if count}


def test_a_join_counts_once_and_its_time_when_the_first_media_are_known() -> None:
    call_time = _call_time()
    call = Call(call_time)
    call.say(0, _JOINED)
    call.count(10)
    assert _joins(call_time) == {}, "media may yet fail to come"
    assert call_time.setup["eu"].count == 0
    call.say(30, {**_WELL, "set": {"med": 700}})
    call.say(60, {})
    assert _joins(call_time) == {("eu", "joined", ""): 1}
    assert (call_time.setup["eu"].count, call_time.setup["eu"].sum) == (1, 2.2)


def test_a_join_to_which_no_media_comes_is_one_that_failed_and_no_end() -> None:
    call_time = _call_time()
    call = Call(call_time)
    call.say(0, _JOINED)
    call.say(20, {"drop": "ice_failed"}, bye=True)
    assert _joins(call_time) == {("eu", "failed", "ice_failed"): 1}
    assert (call_time.ended["eu"], _drops(call_time)) == (0, {})


def test_a_join_that_counted_before_its_media_failed_to_come_counts_once_and_as_a_drop() -> None:
    call_time = _call_time()
    call = Call(call_time)
    call.say(0, _JOINED)
    call.say(60, {"n": 1})
    assert _joins(call_time) == {("eu", "joined", ""): 1}, "alone in the room for a minute"
    call.say(90, {"drop": "ice_failed"}, bye=True)
    assert _joins(call_time) == {("eu", "joined", ""): 1}
    assert (call_time.ended["eu"], _drops(call_time)) == (1, {("eu", "ice_failed"): 1})


def test_another_process_counts_only_what_the_stored_summary_does_not_have() -> None:
    before, after = _call_time(), _call_time()
    call = Call(before)
    call.say(0, _JOINED)
    call.say(30, {"set": {"med": 700}})
    call._call_time = after  # The other one has made the summaries until now.
    call.say(60, {"drop": "bridge_down"}, bye=True)
    call.count(70)
    assert _joins(after) == {}
    assert after.ended == {UNKNOWN: 0, "eu": 1}
    assert _drops(after) == {("eu", "bridge_down"): 1}
    assert after.setup["eu"].count == 0
    assert before.ended["eu"] == 0


def test_a_failed_join_counts_with_its_reason_and_is_nobody_in_a_call() -> None:
    call_time = _call_time()
    Call(call_time).say(0, _FAILED, bye=True)
    Call(call_time).say(0, {"fail": "password"}, bye=True)
    assert _joins(call_time) == {
        ("eu", "failed", "ice_failed"): 1,
        (UNKNOWN, "refused", "password"): 1,
    }
    assert (call_time.ended["eu"], call_time.setup["eu"].count) == (0, 0)
    assert {labels.region for labels in call_time.seconds} == {UNKNOWN}
    live = call_time.live_counts(_BEGAN + 5)
    assert live is not None
    assert (sum(live.participants.values()), live.meetings, live.connections) == (0, 0, 0)


def test_a_stay_that_goes_on_after_its_end_ends_once() -> None:
    call_time = _call_time()
    call = Call(call_time)
    call.say(0, _JOINED)
    call.count(200)
    assert call_time.ended["eu"] == 1
    call.say(210, _WELL)
    call.say(240, {}, bye=True)
    assert call_time.ended["eu"] == 1


def test_a_drop_that_is_reported_after_the_end_counts_as_a_drop_of_that_end() -> None:
    call_time = _call_time()
    call = Call(call_time)
    call.say(0, _JOINED)
    call.count(200)
    call.say(30, {"drop": "connection_lost"}, bye=True, now=400)
    assert (call_time.ended["eu"], _drops(call_time)) == (1, {("eu", "connection_lost"): 1})


def test_joins_that_are_reported_late_are_only_counted_as_late() -> None:
    call_time = _call_time()
    Call(call_time).say(0, _FAILED, bye=True, now=601)
    assert (_joins(call_time), call_time.late_joins) == ({}, 1)
    Call(call_time).say(0, _FAILED, bye=True, now=600)
    assert call_time.late_joins == 1


def test_a_script_that_does_not_tell_counts_no_join_and_no_end() -> None:
    call_time = _call_time()
    call = Call(call_time)
    call.say(0, _JOIN)
    call.say(30, _WELL, bye=True)
    assert (_joins(call_time), call_time.ended) == ({}, {UNKNOWN: 0})
