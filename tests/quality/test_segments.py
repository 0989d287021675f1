"""Segments: where a session was in each second."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from jmmc.core.model import Dialect, Sample, Session
from jmmc.quality.devices import device_name
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.segments import MOST_SEGMENTS, segments_of, values_at
from jmmc.quality.summarize import summarize
from jmmc.quality.thresholds import preset
from jmmc.quality.timeline import build_timeline
from tests.support.builders import RHYTHM, UID, samples_of


def _session(*parts: tuple[int, dict[str, Any]]) -> Session:
    return Session("a" * 24, "room", UID, Dialect.V2, parts[0][0], tuple(samples_of(parts)))


def _segments(*parts: tuple[int, dict[str, Any]]) -> list[tuple[int, int, dict[str, str]]]:
    timeline = build_timeline(_session(*parts), rhythm=RHYTHM)
    return [(part.start, part.end, part.values) for part in segments_of(timeline)[1]]


_JABRA = "Headset Microphone (Jabra EVOLVE 20 MS)"
_EU = {"cq": 90, "br": "Chrome 131", "t": {"sr": "eu", "tp": "udp", "p2p": False}}


def test_a_session_that_stays_where_it_is_has_no_segments() -> None:
    assert _segments((0, _EU), (30, {"cq": 80}), (60, {})) == []


def test_the_bridge_of_an_old_session_is_the_remote_end_while_it_is_no_peer() -> None:
    """203.0.113.7 is a bridge, 198.51.100.9 a peer. Then the script tells the bridge."""
    bridge, peer = 0xCB007107, 0xC6336409
    assert _segments(
        (0, {"cq": 90, "t": {"p2p": False, "ip": bridge}}),
        (30, {"t": {"p2p": True, "ip": peer}}),
        (60, {"t": {"p2p": False, "ip": "2001:db8::1"}}),
        (90, {"t": {"brg": "192.0.2.1"}}),
        (120, {}),
    ) == [
        (0, 30, {"bridge": "203.0.113.7"}),
        (30, 60, {"bridge": "p2p"}),
        (60, 90, {"bridge": "2001:db8::1"}),
        (90, 120, {"bridge": "192.0.2.1"}),
    ]
    assert _segments((0, {"cq": 90, "t": {"ip": bridge}}), (30, {}), (60, {})) == []


def test_another_device_is_a_segment_and_another_port_is_none() -> None:
    """The labels are those of Chrome on Windows; the device at 40 is the one at the start."""
    parts = (
        (0, {"cq": 90, "dev": {"mic": "Default - Headset (Jabra 20) (0b0e:0300)"}}),
        (20, {"dev": {"mic": None}}),
        (40, {"dev": {"mic": "Headset (2- Jabra 20) (0b0e:0300)"}}),
        (60, {"dev": {"mic": "Microphone (Webcam)", "spk": "Communications - Speakers"}}),
        (90, {}),
    )
    assert _segments(*parts) == [
        (0, 60, {"microphone": "Headset (Jabra 20)"}),
        (60, 90, {"microphone": "Microphone (Webcam)"}),
    ]
    summary = summarize(_session(*parts), preset=preset("jitsi"), rhythm=RHYTHM)
    assert (summary.microphone, summary.speaker) == ("Headset (Jabra 20)", "Speakers")
    assert summary.devices_key == "headset (jabra 20)\nmicrophone (webcam)\nspeakers"


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("", ""),
        ("Jabra EVOLVE 20 MS (0b0e:0300)", "Jabra EVOLVE 20 MS"),
        ("Communications - Headset Microphone (Jabra EVOLVE 20 MS) (0b0e:0", _JABRA),
        ("Default - Headset Microphone (Jabra EVOLVE 20 MS)", _JABRA),
        ("Headset Microphone (13- Jabra EVOLVE 20 MS)", _JABRA),
        ("MacBook Pro Microphone (Built-in)", "MacBook Pro Microphone (Built-in)"),
        ("Default - ", "Default -"),
        ("Anna's AirPods", "Anna's AirPods"),
    ],
)
def test_a_device_has_the_name_of_its_model(label: str, name: str) -> None:
    assert device_name(label) == name
    assert device_name(name) == name


def test_a_session_that_moves_has_a_segment_for_each_region() -> None:
    assert _segments((0, _EU), (30, {"t": {"sr": "us"}}), (60, {}), (90, {})) == [
        (0, 30, {"region": "eu"}),
        (30, 90, {"region": "us"}),
    ]


def test_what_is_not_known_is_as_before_and_at_the_start_as_it_became_known() -> None:
    cut = {"cq": None, "t": {"sr": None, "tp": None, "p2p": None}, "ev": ["interrupted"]}
    us = {"cq": 90, "t": {"sr": "us", "tp": "udp", "p2p": False}, "ev": ["restored"]}
    assert _segments((0, {"pid": "x"}), (10, _EU), (40, cut), (70, us), (100, {})) == [
        (0, 70, {"region": "eu"}),
        (70, 100, {"region": "us"}),
    ]


def test_unknown_time_is_part_of_a_segment_but_makes_no_value_the_longest() -> None:
    session = _session((0, _EU), (200, {"t": {"sr": "us"}}), (230, {}), (260, {}), (270, {}))
    summary = summarize(session, preset=preset("jitsi"), rhythm=RHYTHM)
    assert [(part.start, part.end) for part in summary.segments] == [(0, 200), (200, 270)]
    assert summary.region == "us", "70 known seconds; of the first 200 only the last 30 are"
    assert summary.values_of("region") == ["eu", "us"]
    assert summary.values_of("browser") == ["Chrome 131"]
    assert summary.values_at(199)["region"] == "eu"
    assert summary.values_at(9999)["region"] == "us"


def test_who_changes_all_the_time_has_a_bounded_number_of_segments() -> None:
    parts = [(n, {"cq": 90, "t": {"sr": f"r{n % 7}"}}) for n in range(0, 2000)]
    found = _segments(*parts)
    assert 1 < len(found) <= MOST_SEGMENTS
    assert (found[0][0], found[-1][1]) == (0, 1999)
    assert all(a[1] == b[0] for a, b in pairwise(found))


def test_a_join_without_any_time_still_says_from_where() -> None:
    session = _session((0, {}))
    said = b'{"br":"Chrome 131","t":{"rip":3221225986}}'
    joined = msgspec.structs.replace(session, samples=(Sample(0, 0, said),))
    summary = summarize(joined, preset=preset("jitsi"), rhythm=RHYTHM)
    assert (summary.browser, summary.network, summary.address) == (
        "Chrome 131",
        "192.0.2.0/24",
        "192.0.2.2",
    )


def test_a_filter_fits_the_values_that_it_names() -> None:
    chosen = SummaryFilter(since=0, until=9, room="x", region="eu", browser="Chrome")
    assert chosen.fits({"region": "eu", "browser": "Chrome 131"})
    assert not chosen.fits({"region": "us"})
    assert not chosen.fits({"browser": "Chromelike 1"})
    assert chosen.fits({}), "what did not change fits already"
    assert SummaryFilter(since=1, until=2).only_window
    assert not chosen.only_window
    assert values_at({"region": "eu"}, (), 5) == {"region": "eu"}
