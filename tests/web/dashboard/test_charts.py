"""The charts of a session: limits, figures and the first chart, from values set by hand."""

import json
from typing import Any

import msgspec
import pytest

from jmmc.answers.model import OthersFigure, SessionCurves
from jmmc.core.model import Dialect, Session
from jmmc.quality.accumulator import preset_of
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import CallEvent
from jmmc.quality.thresholds import PRESETS, preset
from jmmc.web.dashboard.charts import (
    PLOTS,
    curves_of,
    figures_of,
    first_plot,
    has_curves,
    limits_of,
)
from tests.support.builders import RHYTHM, sample

_BASE = summarize(
    Session("a" * 24, "room", "u", Dialect.V2, 0, (sample(0, ts=0), sample(1, ts=600))),
    preset=preset("experience"),
    rhythm=RHYTHM,
)
_PLOT = {plot.title: plot for plot in PLOTS}


def _drawn(
    curves: dict[str, Any], *, formula: str = "4-experience", **fields: Any
) -> SessionCurves:
    summary = msgspec.structs.replace(_BASE, formula=formula, **fields)
    return SessionCurves(summary, (0, 100, 300, 400), curves, (), {})


def _spell(**reasons: int) -> Spell:
    return Spell(100, 300, Grade.POOR, reasons)


def test_limits_are_those_of_the_preset_with_which_the_session_was_graded() -> None:
    for name, chosen in PRESETS.items():
        assert preset_of(f"4-{name}") is chosen
    assert preset_of("3-withdrawn") is None
    assert limits_of(_PLOT["Round-trip time"], None) == ()
    by_name = {
        name: [(line.value, line.grade) for line in limits_of(_PLOT["Packet loss"], chosen)]
        for name, chosen in PRESETS.items()
    }
    assert by_name == {
        "experience": [(5, "fair"), (10, "poor")],
        "jitsi": [(8, "fair"), (12, "poor")],
        "teams": [(10, "poor")],
        "twilio": [(3, "poor")],
        "pexip": [(1, "fair"), (3, "poor")],
    }


def test_a_limit_says_its_curve_where_another_curve_of_the_chart_has_others() -> None:
    lines = limits_of(_PLOT["Frozen video, concealed audio"], PRESETS["experience"])
    assert [(line.value, line.grade, *line.curves) for line in lines] == [
        (5, "fair", "down_frozen_percent"),
        (15, "poor", "down_frozen_percent"),
        (3, "fair", "down_concealed_percent"),
        (5, "poor", "down_concealed_percent"),
    ]
    height = limits_of(_PLOT["Sent video height"], PRESETS["experience"])
    assert [(line.value, line.falling) for line in height] == [(288, True)]


@pytest.mark.parametrize(
    ("reasons", "curves", "title"),
    [
        ({"loss": 200, "mos": 200}, {"down_loss_percent": (0, 20, 0, None)}, "Packet loss"),
        (
            {"loss": 200},
            {
                "down_loss_percent": (0, 6, 0, None),
                "up_audio_loss_percent": (0, 30, 0, None),
            },
            "Packet loss by kind",
        ),
        ({"quality": 200, "rtt": 150}, {"rtt_ms": (9, 700, 9, None)}, "Round-trip time"),
        (
            {"quality": 200, "rtt": 20},
            {"rtt_ms": (9, 700, 9, None), "quality": (99, 10, 99, None)},
            "Connection quality",
        ),
        (
            {"cpu": 200},
            {"up_frame_rate_fps": (30, 8, 30, None), "sent_height_px": (720, 720, 720, None)},
            "Frame rate",
        ),
        ({"interrupted": 200}, {"rtt_ms": (9, 700, 9, None)}, None),
        ({"frozen": 200}, {"rtt_ms": (9, 700, 9, None)}, None),
    ],
)
def test_the_first_chart_is_that_of_the_reason_that_explains_the_others(
    reasons: dict[str, int], curves: dict[str, Any], title: str | None
) -> None:
    plot = first_plot(_spell(**reasons), _drawn(curves))
    assert (plot.title if plot else None) == title


def test_the_data_of_charts_has_quantiles_by_time_and_the_estimated_mos() -> None:
    drawn = _drawn(
        {
            "rtt_ms": (20.0, 400.0, 20.0, None),
            "down_loss_percent": (0.0, 0.0, 0.0, None),
            "down_audio_loss_percent": (None, 30.0, None, None),
            "down_jitter_ms": (2.0, 2.0, 2.0, None),
        }
    )
    data = json.loads(curves_of(drawn))
    # 20 ms for 200 seconds and 400 ms for as long; loss of audio for half of the time.
    assert data["figures"]["rtt_ms"] == [20, 400, 400]
    good, bad, again, end = data["curves"]["mos"]
    assert good == again > 4.3
    assert bad < 2.5
    assert end is None
    assert data["limits"]["Estimated MOS"] == [[3.6, "fair", True, []], [3.1, "poor", True, []]]
    twilio = json.loads(
        curves_of(_drawn(drawn.curves, formula="4-twilio"), (_PLOT["Estimated MOS"],))
    )
    assert list(twilio["curves"]) == ["mos"]
    assert twilio["curves"]["mos"][1] != bad, "Twilio's limit is of Twilio's formula"


def test_of_very_many_events_charts_mark_those_of_the_connection() -> None:
    events = (*(CallEvent(at, "speaking") for at in range(100)), CallEvent(7, "interrupted"))
    drawn = msgspec.structs.replace(_drawn({"rtt_ms": (1.0, 2.0, 3.0, None)}), events=events)
    assert json.loads(curves_of(drawn))["marks"] == [7]


def test_figures_stand_beside_those_of_the_others_and_pass_their_limits() -> None:
    others = {"rtt_ms": OthersFigure(3, 30, 40, 60)}
    quantiles: dict[str, list[float | None]] = {
        "rtt_ms": [10, 350, 700],
        "mos": [3.3, 4.0, 4.4],
        "jitter": [None, None, None],
    }
    summary = msgspec.structs.replace(_BASE, formula="4-experience", quantiles=quantiles)
    score, rtt = figures_of(summary, others)
    assert (rtt.median, rtt.worst, rtt.others, rtt.beyond) == (350, 700, others["rtt_ms"], "poor")
    assert (score.median, score.worst, score.falling, score.beyond) == (4.0, 3.3, True, "fair")
    assert score.others is None
    withdrawn = msgspec.structs.replace(summary, formula="3-withdrawn")
    assert all(not figure.limits and not figure.beyond for figure in figures_of(withdrawn, {}))


def test_a_session_whose_curves_are_words_only_has_no_charts() -> None:
    assert not has_curves(_drawn({"transport": ("udp", "udp", "udp", None)}))
    assert has_curves(_drawn({"rtt_ms": (1.0, 2.0, 3.0, None)}))
