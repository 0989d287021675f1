"""Item 9: charts draw what there is, and a comparison says when it has too little to compare."""

import json
import re

import pytest
from playwright.sync_api import Browser

from tests.oracle import cases
from tests.oracle.asking import Asked, counted, near, unix
from tests.oracle.conftest import World
from tests.oracle.expected import totals
from tests.oracle.truth import end_of, moment

_LONE = {"since": moment("2025-06-07T08:00:00"), "until": moment("2025-06-07T13:00:00")}

# Pixels in the colour of poor, of each canvas.
_COUNT_POOR = """() => {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = "var(--poor)";
  const [r, g, b] = getComputedStyle(probe).color.match(/[\\d.]+/g).map(Number);
  return [...document.querySelectorAll('.brushed canvas')].map((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      const distance = [r, g, b].reduce((sum, v, n) => sum + Math.abs(data[i + n] - v), 0);
      if (distance < 12 && data[i + 3] > 200) count++;
    }
    return count;
  });
}"""


def test_a_lone_bad_call_is_a_point_of_the_series(asked: Asked) -> None:
    series = asked.api("overview", **_LONE)["series"]
    (point,) = [point for point in series if point["grades"]["poor_share"]]
    assert counted(point["grades"]) == near(totals(cases.LONE, **_LONE))
    assert unix(point["start"]) <= cases.LONE[0].joined < unix(point["start"]) + 300
    # Nobody was there before and after it.
    assert not any(
        cases.LONE[0].left < unix(point["start"]) + 300 <= cases.AROUND_LONE[-1].joined
        for point in series
        if point["grades"]["known_seconds"] and not point["grades"]["poor_share"]
    )


def test_a_lone_bad_call_before_a_gap_is_drawn(worlds: dict[str, World], browser: Browser) -> None:
    """In both charts of the overview: the number of participants, and the shares of time."""
    asked = worlds["sqlite"].asked
    window = {"since": "2025-06-07T08:00:00Z", "until": "2025-06-07T13:00:00Z"}
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.goto(f"{asked.root}/overview?since={window['since']}&until={window['until']}")
    page.wait_for_selector(".brushed canvas >> nth=1", state="attached")
    page.wait_for_timeout(100)
    counts = page.evaluate(_COUNT_POOR)
    context.close()
    # Five minutes of five hours, all of them poor, are at least 5 px wide; the other is a line.
    participants, shares = counts
    assert participants > 100, counts
    assert shares > 10, counts


@pytest.mark.parametrize(
    ("zone", "hours"),
    [
        ("Europe/Paris", ["16 to 17 h", "17 to 18 h"]),
        ("Asia/Kolkata", ["19:30 to 20:30", "20:30 to 21:30"]),
    ],
)
def test_a_cell_of_the_heat_map_names_its_hour_in_the_zone_of_the_reader(
    worlds: dict[str, World], browser: Browser, zone: str, hours: list[str]
) -> None:
    """From 14:00 to 16:00 UTC, with 11 s of the first hour poor: 0.3 %."""
    asked = worlds["sqlite"].asked
    context = browser.new_context(locale="en-GB", timezone_id=zone)
    page = context.new_page()
    page.goto(f"{asked.root}/overview?since=2025-06-09T14:00:00Z&until=2025-06-09T16:00:00Z")
    page.wait_for_selector(".heat a", state="attached")
    titles = page.eval_on_selector_all(".heat a", "cells => cells.map(cell => cell.title)")
    context.close()
    found = [
        title.partition(", ")[2].replace("\u00a0", " ").replace("\u2013", "to") for title in titles
    ]
    assert found == [f"{hours[0]}: 0.3 %, 60 min", f"{hours[1]}: 0 %, 60 min"]


def test_a_comparison_with_259_known_seconds_is_not_made(asked: Asked) -> None:
    """The hour before had one person for 259 s: no "+1.7 points" against that."""
    since, until = cases.AFTER_THIN[0].joined, end_of(cases.AFTER_THIN)
    page = asked.text("/overview", since=since, until=until)
    quality = page.partition('class="quality"')[2].partition("shares of time")[0]
    assert "poor" in quality
    assert not re.search(r"[+\u2212-]\s?\d[\d.,]*(</b>)? points", quality), quality


@pytest.mark.parametrize("path", ["/overview"])
def test_the_chart_has_the_same_points_as_the_api(asked: Asked, path: str) -> None:
    series = asked.api("overview", **_LONE)["series"]
    page = asked.text(path, **_LONE)
    (steps,) = re.findall(r'"since": \d+, "until": \d+, "steps": (\[[\[\]\d, ]*\])', page)
    assert json.loads(steps) == [
        [unix(point["start"]), unix(point["start"]) + point["seconds"]] for point in series
    ]
