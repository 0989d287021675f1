"""The tracks of a session: states, events and values, from events whose moments are known."""

from typing import Any

import msgspec
import pytest

from jmmc.core.model import Dialect, Session
from jmmc.quality.segments import Segment
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import CallEvent, Summary
from jmmc.quality.thresholds import preset
from jmmc.web.dashboard.svg import track
from jmmc.web.dashboard.tracks import Track, TrackSpan, event_log, tracks_of
from tests.support.builders import RHYTHM, sample

_BASE = summarize(
    Session("a" * 24, "room", "u", Dialect.V2, 0, (sample(0, ts=0), sample(1, ts=600))),
    preset=preset("experience"),
    rhythm=RHYTHM,
)


def _summary(**fields: Any) -> Summary:
    return msgspec.structs.replace(_BASE, **{"began": 0, "ended": 600, **fields})


def _tracks(*events: tuple[int, str], **fields: Any) -> dict[str, Track]:
    happened = [CallEvent(*event) for event in events]
    return {row.name: row for row in tracks_of(_summary(**fields), happened, (), {})}


@pytest.mark.parametrize(
    ("events", "spans"),
    [
        ([(100, "muted_audio"), (160, "unmuted_audio")], [(100, 160)]),
        ([(100, "muted_audio")], [(100, 600)]),
        ([(100, "unmuted_audio")], [(0, 100)]),
        ([(10, "muted_audio"), (20, "muted_audio"), (30, "unmuted_audio")], [(10, 30)]),
        (
            [(10, "muted_audio"), (20, "unmuted_audio"), (30, "unmuted_audio")],
            [(10, 20)],
        ),
    ],
)
def test_a_state_is_a_span_from_its_event_to_the_one_that_ends_it(
    events: list[tuple[int, str]], spans: list[tuple[int, int]]
) -> None:
    row = _tracks(*events)["muted_audio"]
    assert [(span.start, span.end) for span in row.spans] == spans
    assert row.seconds == sum(end - start for start, end in spans)


def test_each_other_event_has_a_track_with_its_moments_also_an_unknown_one() -> None:
    rows = _tracks((5, "path"), (7, "ice_restart"), (9, "path"), (11, "<of a newer script>"))
    assert {name: row.moments for name, row in rows.items()} == {
        "ice_restart": (7,),
        "path": (5, 9),
        "<of a newer script>": (11,),
    }
    assert next(iter(rows)) == "ice_restart", "the most telling first"


def test_region_transport_and_codec_are_spans_and_a_network_only_where_it_changed() -> None:
    segments = tuple(
        Segment(start, end, {"region": region, "network": network})
        for start, end, region, network in (
            (0, 200, "eu", "home"),
            (200, 300, "us", "home"),
            (300, 600, "us", "phone"),
        )
    )
    rows = _tracks(segments=segments, region="us", network="phone", transport="udp", codec="VP9")
    assert rows["region"].spans == (TrackSpan(0, 200, "eu"), TrackSpan(200, 600, "us"))
    assert rows["network"].spans == (TrackSpan(0, 300, "home"), TrackSpan(300, 600, "phone"))
    assert rows["transport"].spans == (TrackSpan(0, 600, "udp"),)
    assert rows["codec"].spans == (TrackSpan(0, 600, "VP9"),)
    assert "bridge" not in rows, "it is not known"
    steady = _tracks(region="eu", network="home")
    assert list(steady) == ["region"]


def test_words_in_curves_are_spans_with_gaps_where_they_are_unknown() -> None:
    times = (0, 100, 150, 300, 600)
    curves = {
        "network_type": ("wifi", None, "wifi", "cellular", None),
        "page_visible": (True, False, False, True, None),
    }
    rows = {row.name: row for row in tracks_of(_summary(), (), times, curves)}
    wifi, again, cellular = rows["network type"].spans
    assert (wifi, again) == (TrackSpan(0, 100, "wifi"), TrackSpan(150, 300, "wifi"))
    assert cellular == TrackSpan(300, 600, "cellular")
    assert [span.value for span in rows["network type"].values] == ["wifi", "cellular"]
    assert rows["page hidden"].spans == (TrackSpan(100, 300),)


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({"running": False}, [(600, "left")]),
        ({"running": True}, []),
        ({"outcome": "dropped", "failure": "bridge_down"}, [(600, "failure bridge_down")]),
    ],
)
def test_the_log_is_from_the_join_to_the_end_where_that_is_known(
    fields: dict[str, Any], end: list[tuple[int, str]]
) -> None:
    log = event_log(_summary(**{"running": False, **fields}), [CallEvent(9, "path")])
    assert log == [(0, "joined"), (9, "path"), *end]


def test_a_track_is_drawn_in_shares_of_the_time_with_values_where_they_fit() -> None:
    drawn = track(
        Track("region", "value", (TrackSpan(0, 450, "eu-west"), TrackSpan(450, 600, "us-east"))),
        *(0, 600, "region"),
    )
    assert '<svg x="0.000%" width="75.000%">' in drawn
    assert '<svg x="75.000%" width="25.000%">' in drawn
    assert ">eu-west</text>" in drawn
    assert "us-east</text>" not in drawn, "50 pixels on a phone"
    marked = track(Track("path", "event", moments=(150,)), 0, 600, "path <b>")
    assert 'x="25.000%"' in marked
    assert "path &lt;b&gt;" in marked
