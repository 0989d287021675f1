"""Item 8: the windows of alerts are the last minutes to the second."""

import time

import pytest

from tests.oracle.asking import Asked


def _active(asked: Asked) -> dict[str, dict[str, float]]:
    """The figures of each active alert, when the rules were evaluated with all samples."""
    for _ in range(10):
        active = {rule["rule"]: rule["figures"] for rule in asked.api("alerts") if rule["fired"]}
        if "now" in active:
            break
        time.sleep(0.1)
    return active


def test_an_outage_of_all_of_the_last_five_minutes_is_not_diluted(asked: Asked) -> None:
    """Poor from 12:06 on, evaluated at 12:11: 100 % of the last five minutes."""
    figures = _active(asked)["now"]
    assert figures["poor_share"] == pytest.approx(1.0)
    assert figures["participants"] == 6


def test_failed_joins_of_a_region_are_counted_with_those_that_joined(asked: Asked) -> None:
    """Three of nine joins of the last ten minutes failed, of three people."""
    active = _active(asked)
    assert active["joins"] == {"failed_share": 0.3333, "joins": 9, "participants": 3}
    assert "joins-of-more" not in active


def test_an_alert_may_be_of_a_bridge(asked: Asked) -> None:
    assert _active(asked)["bridge"]["participants"] == 6


def test_what_was_before_the_last_five_minutes_raises_no_alert(asked: Asked) -> None:
    """Poor until 12:05:30, evaluated at 12:11."""
    assert "past" not in _active(asked)


def test_an_alert_is_of_the_region_in_which_the_calls_were(asked: Asked) -> None:
    """Cut off in alarm-eu for 180 s, then good in alarm-us."""
    active = _active(asked)
    assert active["moved-from"]["poor_share"] == pytest.approx(1.0)
    assert "moved-to" not in active
