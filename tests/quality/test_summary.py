"""A session's page of figures, and who is to blame."""

from typing import Any

import msgspec
import pytest

from jmmc.core.model import Dialect, Session
from jmmc.core.timestamps import parse_moment, to_iso
from jmmc.quality.addresses import network_of, readable_address
from jmmc.quality.filters import DIMENSIONS, SummaryFilter
from jmmc.quality.grading import Grade
from jmmc.quality.rollup_hours import hours_of
from jmmc.quality.rollups import DAY, HOUR, Sums, total, windows
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import GradeSpan, Summary
from jmmc.quality.thresholds import preset
from tests.support.builders import RHYTHM, UID, samples_of

_JITSI = preset("jitsi")


def _session(*samples: tuple[int, dict[str, Any]], began: int = 900, **last: bool) -> Session:
    """Of what changed at each moment, in seconds from `began`; the last moment is the end."""
    made = samples_of([(began + at, m) for at, m in samples])
    if last:
        made[-1] = msgspec.structs.replace(made[-1], **last)
    return Session("a" * 24, "room", UID, Dialect.V2, began, tuple(made))


def _summary(*samples: tuple[int, dict[str, Any]], began: int = 900) -> Summary:
    return summarize(_session(*samples, began=began, bye=True), preset=_JITSI, rhythm=RHYTHM)


def test_a_steady_hour_outweighs_ten_bad_minutes() -> None:
    """Stored once, and twenty times: the mean of what is stored would be 25 % good."""
    good = {"cq": 100, "rtt": 20}
    steady = [(30 * n, good if n == 0 else {}) for n in range(120)]
    bad = [(3600 + 30 * n, {"cq": 5 + n % 2}) for n in range(21)]
    summary = _summary(*steady, *bad)
    assert (summary.good, summary.poor, summary.unknown) == (3600, 600, 0)
    assert summary.grade == "poor", "a tenth of the time and more"
    assert summary.quantiles["quality"] == [5, 100, 100]
    assert summary.quantiles["rtt_ms"] == [20, 20, 20]
    assert summary.reasons == {"quality": 600}


def test_decades_without_samples_are_unknown_once_and_cost_nothing() -> None:
    """As when a collector boots with a clock of 2001, which is then set right."""
    decades = 25 * 365 * 86_400
    summary = _summary((0, {"cq": 100}), (30, {}), (decades, {}), (decades + 30, {}), began=900)
    assert summary.unknown == decades - 60, "a sample speaks for one interval after silence"
    assert [grade_span.grade for grade_span in summary.grade_spans].count(Grade.UNKNOWN) == 1
    assert len(hours_of(summary)) <= 2


def test_the_present_grade_of_a_session_is_its_last_grade() -> None:
    good, poor = {"cq": 100}, {"cq": 1}
    assert _summary((0, good), (30, poor), (60, good), (90, {})).at_present is Grade.GOOD
    assert _summary((0, good), (30, poor), (60, {})).at_present is Grade.POOR
    assert _summary((0, good)).at_present is Grade.UNKNOWN, "no time has passed"


def test_lists_and_objects_are_no_values_of_a_dimension() -> None:
    """Documents of others may have a list or an object where we have a word."""
    odd = {"br": ["Chrome"], "os": "Linux", "cq": 90, "t": {"tp": {"is": "udp"}, "sr": "eu"}}
    summary = _summary((0, odd), (30, {}))
    assert (summary.browser, summary.os, summary.region, summary.transport) == (
        "",
        "Linux",
        "eu",
        "",
    )


def test_the_value_of_a_dimension_is_the_one_that_held_longest() -> None:
    first = {"br": "Chrome 131", "os": "Windows 11", "cq": 90}
    first["t"] = {"sr": "eu", "tp": "udp", "rip": 3221225986, "asn": "AS64496 Cable", "cc": "FR"}
    summary = _summary(
        (0, first),
        (30, {"t": {"tp": "tcp", "lct": "relay"}}),
        (60, {}),
        (90, {"t": {"tp": "udp", "lct": "host"}, "cdc": {"a": "opus"}}),
        (100, {}),
    )
    assert (summary.browser, summary.os, summary.region) == ("Chrome 131", "Windows 11", "eu")
    assert (summary.transport, summary.codec) == ("relay", "opus")
    assert (summary.address, summary.network) == ("192.0.2.2", "192.0.2.0/24")
    assert (summary.provider, summary.country) == ("AS64496 Cable", "FR")
    assert (summary.relay_share, summary.tcp_share) == (0.6, 0.6)


@pytest.mark.parametrize(
    ("selected", "fits"),
    [
        ({"region": "eu"}, True),
        ({"region": "eu", "until": 60}, True),
        ({"region": "eu", "since": 60}, False),
        ({"region": "us", "until": 60}, False),
        ({"region": "us", "since": 149, "until": 150}, True),
        ({"region": "us", "transport": "udp"}, True),
        ({"region": "eu|us", "transport": "tcp"}, True),
        ({"region": "eu", "transport": "tcp"}, False),
        ({"region": "us", "transport": "udp", "since": 120}, False),
        ({"browser": "Chrome"}, True),
    ],
)
def test_a_session_fits_what_held_at_once_in_the_window(
    selected: dict[str, Any], fits: bool
) -> None:
    """In `eu` until second 60, then in `us`; over udp until second 120, then over tcp."""
    summary = _summary(
        (0, {"br": "Chrome 131", "cq": 90, "t": {"sr": "eu", "tp": "udp"}}),
        (30, {}),
        (60, {"t": {"sr": "us"}}),
        (90, {}),
        (120, {"t": {"tp": "tcp"}}),
        (150, {}),
    )
    window = {
        name: summary.began + selected[name] for name in ("since", "until") if name in selected
    }
    assert summary.fits_at_once(SummaryFilter(**selected | window)) is fits


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.18.3.77", "198.18.3.0/24"),
        ("2001:db8:1:2::5", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("x", ""),
    ],
)
def test_a_network_is_a_prefix_of_the_address(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_change_of_the_network_path_is_an_event() -> None:
    udp = {"tp": "udp", "ip": 1, "lct": "host"}
    summary = _summary(
        (0, {"cq": 100, "t": udp}),
        (30, {"rtt": 20}),
        (60, {"ev": ["p2p"], "t": {"lct": "srflx"}}),
        (90, {"t": dict.fromkeys(udp)}),
        (120, {"t": {**udp, "lct": "srflx"}}),
        (150, {"t": {"tp": "tcp"}}),
        (180, {}),
    )
    assert [(at - summary.began, what) for at, what in summary.events] == [
        (60, "p2p"),
        (60, "path"),
        (150, "path"),
    ], "a path that was unknown for a while and is the same has not changed"


def test_a_stored_address_is_shown_as_people_write_it() -> None:
    assert readable_address(3221225986) == "192.0.2.2"
    assert readable_address("2001:db8::1") == "2001:db8::1"
    ends = [readable_address(item) for item in (0, 1, 2**32 - 1)]
    assert ends == ["0.0.0.0", "0.0.0.1", "255.255.255.255"]
    assert readable_address(2**32) == readable_address(None) == readable_address([]) == ""


@pytest.mark.parametrize(
    ("parts", "grade"),
    [((90, 9, 1), "fair"), ((95, 4, 1), "good"), ((80, 9, 11), "poor"), ((0, 0, 0), "unknown")],
)
def test_the_grade_of_a_call_depends_on_tenths_of_known_time(
    parts: tuple[int, int, int], grade: str
) -> None:
    good, fair, poor = parts
    span = msgspec.structs.replace(
        _summary((0, {"cq": 100}), (30, {})), good=good, fair=fair, poor=poor
    )
    assert span.grade == grade


def test_a_window_is_read_by_days_where_it_can_be() -> None:
    assert list(windows(DAY, 3 * DAY)) == [(DAY, DAY, 3 * DAY)]
    assert list(windows(5, HOUR)) == [(HOUR, 5, HOUR)]
    assert list(windows(DAY - 5, 2 * DAY + 7)) == [
        (HOUR, DAY - 5, DAY),
        (DAY, DAY, 2 * DAY),
        (HOUR, 2 * DAY, 2 * DAY + 7),
    ]
    parts = [Sums(0, 1, 2, 3, 4, 5), Sums(300, 1, 1, 1, 1, 1)]
    assert total(parts, 7) == Sums(7, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("1970-01-02", 86_400),
        ("1970-01-01T01:00", 3600),
        ("1970-01-01T01:00+01:00", 0),
        ("now", 1_000_000),
        ("90m", 1_000_000 - 5400),
        ("2d", 1_000_000 - 2 * 86_400),
        ("1w", 1_000_000 - 7 * 86_400),
        ("99999w", 0),
    ],
)
def test_moments_are_parsed_from_dates_times_and_durations(text: str, second: int) -> None:
    assert parse_moment(text, 1_000_000) == second
    assert parse_moment(to_iso(second), 0) == second


@pytest.mark.parametrize("text", ["", "soon", "3y", "2026-13-01", "-1d", "99999999d"])
def test_an_invalid_moment_raises_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="expected a date or time"):
        parse_moment(text, 0)


@pytest.mark.parametrize("text", ["1969-12-31", "0001-01-01", "9999-12-31T23:59:59-23:59"])
def test_moments_have_a_year_of_four_digits_since_1970(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time from 1970-01-01 to 9999-12-31"):
        parse_moment(text, 0)


def test_a_filter_selects_everything_by_default() -> None:
    assert SummaryFilter() == SummaryFilter(since=None, until=None, running=None)


_GOOD, _FAIR, _POOR = Grade.GOOD, Grade.FAIR, Grade.POOR


def test_a_summary_names_who_and_where_and_the_worst_minute() -> None:
    summary = _summary(
        (0, {"cq": 100, "pid": "8b4139fa", "mid": "m-1", "cdc": {"a": "opus", "v": "VP9"}}),
        (30, {"cq": 0, "t": {"tp": "udp", "p2p": True}}),
        (40, {"t": {"p2p": False}}),
        (90, {}),
    )
    assert (summary.endpoint_id, summary.jitsi_meeting_id, summary.codec) == (
        "8b4139fa",
        "m-1",
        "VP9",
    )
    assert summary.worst_minute == (930, 1.0)
    assert (summary.transport, summary.p2p_share) == ("udp", 0.1111)


def test_fields_of_a_summary_without_readings_are_empty() -> None:
    summary = _summary((0, {"cq": 100}), (30, {}))
    assert {getattr(summary, name) for name in DIMENSIONS} == {""}
    assert (summary.endpoint_id, summary.jitsi_meeting_id, summary.address) == ("", "", "")
    assert (summary.relay_share, summary.tcp_share, summary.p2p_share) == (0, 0, 0)
    nothing = summarize(
        Session("a" * 24, "room", UID, Dialect.V2, 900, ()), preset=_JITSI, rhythm=RHYTHM
    )
    assert (nothing.began, nothing.last, nothing.known, nothing.grade) == (900, 900, 0, "unknown")


def test_a_running_session_is_summarized_until_now() -> None:
    session = _session((0, {"cq": 100}), (30, {}))
    summary = summarize(session, preset=_JITSI, rhythm=RHYTHM, now=960)
    assert (summary.running, summary.ended, summary.last) == (True, 960, 930)
    assert (summary.good, summary.unknown) == (30, 30), "the last half minute is not known yet"
    assert summary.at_present is Grade.GOOD


@pytest.mark.parametrize(
    ("where", "word"),
    [
        ({"tp": "udp", "p2p": True}, "p2p"),
        ({"tp": "udp", "p2p": True, "lct": "relay"}, "p2p"),
        ({"tp": "udp", "rct": "relay"}, "relay"),
        ({"tp": "relay/udp", "lct": "host", "rct": "host"}, "relay"),
        ({"tp": "tcp", "p2p": False}, "tcp"),
        ({"lct": "relay"}, ""),
    ],
)
def test_the_transport_is_p2p_relay_or_the_protocol(where: dict[str, Any], word: str) -> None:
    summary = _summary((0, {"t": where}), (30, {}))
    assert summary.transport == word
    assert summary.relay_share == ("relay" in str(where))


def test_a_transport_is_peer_to_peer_or_relayed_when_most_of_the_time_was() -> None:
    for change, name in (({"p2p": True}, "p2p"), ({"lct": "relay"}, "relay")):
        half = [(0, {"t": {"tp": "udp"}}), (30, {"t": change}), (60, {})]
        assert _summary(*half).transport == "udp", "half is not most"
        assert _summary(*half, (61, {})).transport == name


def test_shares_are_of_known_time_to_the_hundredth_of_a_percent() -> None:
    summary = _summary(
        (0, {"t": {"tp": "tcp", "lct": "relay", "p2p": True}}),
        (30, {"t": {"tp": "udp", "lct": "host", "p2p": False}}),
        (40, {"cq": 1}),
        (300, {}),  # Unknown from 40 to 270.
    )
    assert (summary.relay_share, summary.tcp_share, summary.p2p_share) == (0.4286, 0.4286, 0.4286)


def test_of_values_that_held_equally_long_the_last_by_name_is_chosen() -> None:
    """So that whoever sums up the same samples chooses the same."""
    for first, second in (("Chrome 9", "Firefox 1"), ("Firefox 1", "Chrome 9")):
        summary = _summary((0, {"br": first}), (30, {"br": second}), (60, {}))
        assert summary.browser == "Firefox 1"
    summary = _summary(
        (0, {"br": "A"}), (20, {"br": "Z"}), (30, {"br": "A"}), (40, {}), (55, {"br": "Z"})
    )
    assert summary.browser == "A"


def test_events_of_one_sample_keep_their_order() -> None:
    summary = _summary(
        (0, {"cq": 1}), (30, {"ev": ["restored", "jvb", "p2p"]}), (60, {"ev": ["a"]}), (61, {})
    )
    assert summary.events == ((930, "restored"), (930, "jvb"), (930, "p2p"), (960, "a"))


def test_the_score_of_a_session_is_in_quantiles_of_time_to_two_places() -> None:
    summary = _summary(
        (0, {"rtt": 300, "d": {"pl": 2, "jit": 40}}),
        (60, {"rtt": 0, "d": {"pl": 0, "jit": 0}}),
        (90, {}),
    )
    assert summary.quantiles["mos"] == [3.5, 3.5, 4.39]
    assert summary.quantiles["rtt_ms"] == [0, 300, 300]
    assert set(_summary((0, {"cq": 1}), (30, {})).quantiles) == {"quality"}


def test_a_summary_has_grade_spans_and_the_seconds_of_each_reason() -> None:
    summary = _summary(
        (0, {"cq": 100}),
        (30, {"rtt": 301}),
        (60, {"rtt": 40, "d": {"jit": 31}}),
        (100, {"d": {"jit": 5}}),
        (150, {"rtt": 301}),
        (160, {"ev": ["interrupted"]}),
        (180, {}),
    )
    assert summary.grade_spans == (
        GradeSpan(900, 930, _GOOD),
        GradeSpan(930, 1000, _FAIR),
        GradeSpan(1000, 1050, _GOOD),
        GradeSpan(1050, 1060, _FAIR),
        GradeSpan(1060, 1080, _POOR),
    )
    assert summary.reasons == {"rtt": 40, "jitter": 40, "interrupted": 20}
    assert (summary.good, summary.fair, summary.poor, summary.unknown) == (80, 80, 20, 0)


def test_time_before_and_after_unknown_time_is_added() -> None:
    summary = _summary(
        (0, {"br": "B", "t": {"tp": "udp", "lct": "relay"}}),
        (30, {"br": "A", "t": {"lct": "host"}}),
        (70, {}),
        (200, {"br": "B", "t": {"lct": "relay"}}),  # Unknown from 70 to 170.
        (260, {}),
    )
    assert (summary.known, summary.unknown) == (0, 260), "no reading that has a grade"
    assert summary.browser == "B", "90 seconds, A 70"
    assert summary.relay_share == 0.5625


def test_a_change_of_the_network_path_is_an_event_without_addresses() -> None:
    summary = _summary((0, {"t": {"tp": "udp"}}), (30, {"t": {"tp": "tcp"}}), (60, {}))
    assert summary.events == ((930, "path"),)


def test_a_second_that_was_not_peer_to_peer_is_not() -> None:
    summary = _summary((0, {"t": {"tp": "udp", "p2p": False}}), (1, {}))
    assert (summary.transport, summary.p2p_share) == ("udp", 0)
