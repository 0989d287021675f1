"""The table of readings agrees with all who use it."""

import re

import pytest

from docs.generate import FOLDER, protocol_page
from jmmc.core.readings import (
    BROWSER_READINGS,
    COLUMNS,
    METRICS,
    READINGS,
    Events,
    Number,
    Reading,
    Source,
)
from jmmc.quality.summary import Summary
from jmmc.quality.thresholds import PRESETS, READINGS_OF
from jmmc.web.dashboard.charts import MOS, PLOTS
from tests.support.paths import ROOT

_ENDINGS = {"kbit/s": "_kbps", "%": "_percent", "ms": "_ms", "frames/s": "_fps", "pixels": "_px"}


def _by_path(row: Reading) -> str:
    return row.path


@pytest.mark.parametrize("row", READINGS, ids=_by_path)
def test_each_stored_reading_is_exported_or_is_an_event(row: Reading) -> None:
    """Events have no column; sessions show them as events."""
    if isinstance(row.values, Events):
        assert row.source is Source.EVENT
    else:
        assert COLUMNS[row.column] is row


def test_paths_columns_and_metrics_are_unique() -> None:
    assert len({row.path for row in READINGS}) == len(READINGS)
    assert len(COLUMNS) == sum(bool(row.column) for row in READINGS)
    assert len(METRICS) == sum(row.metric is not None for row in READINGS)
    assert sorted(row.metric.place for row in READINGS if row.metric) == list(range(len(METRICS)))


@pytest.mark.parametrize(
    "row", [row for row in READINGS if isinstance(row.values, Number)], ids=_by_path
)
def test_a_column_ends_with_the_unit(row: Reading) -> None:
    assert isinstance(row.values, Number)
    if row.values.unit:
        assert row.column.endswith(_ENDINGS[row.values.unit])
        assert row.metric is None or row.metric.name.endswith(_ENDINGS[row.values.unit])


@pytest.mark.parametrize("row", READINGS, ids=_by_path)
def test_a_meaning_is_one_sentence_that_fits_into_a_cell(row: Reading) -> None:
    assert row.meaning
    assert row.meaning[0].isupper()
    assert not row.meaning.endswith(".")
    assert "|" not in row.meaning


def test_each_chart_exists_and_draws_the_readings_that_name_it() -> None:
    charted = {row.column: row.chart for row in READINGS if row.chart}
    drawn = {
        column: (plot.title, label)
        for plot in PLOTS
        for column, label in plot.series
        if plot is not MOS  # Computed from readings, and none itself.
    }
    assert drawn == {column: (series.chart, series.label) for column, series in charted.items()}
    assert all(plot.series for plot in PLOTS)


def test_what_a_summary_takes_of_readings_are_its_fields() -> None:
    assert {row.summary for row in READINGS if row.summary} <= set(Summary.__struct_fields__)


def test_each_limit_has_readings_that_it_applies_to() -> None:
    reasons = {reason for preset in PRESETS.values() for reason in preset.limits}
    assert reasons == set(READINGS_OF)


def test_the_protocols_page_has_the_table() -> None:
    assert (FOLDER / "protocol.md").read_text("utf-8") == protocol_page(), "call ./run docs"


def _expression(name: str) -> re.Pattern[str]:
    """A constant of the script that is a regular expression, which both languages read alike."""
    script = (ROOT / "src" / "jmmc" / "client" / "session.js").read_text("utf-8")
    (source,) = re.findall(rf"^const {name} = /(.+)/;$", script, re.MULTILINE)
    return re.compile(source)


_STATS = [row for row in BROWSER_READINGS if row.source is Source.STATS]


@pytest.mark.parametrize("row", _STATS, ids=_by_path)
def test_the_script_keeps_without_a_connection_what_the_table_says(row: Reading) -> None:
    assert bool(_expression("WITHOUT_CONNECTION").search(row.path)) == row.lasts


@pytest.mark.parametrize("row", _STATS, ids=_by_path)
def test_the_script_averages_what_the_table_says(row: Reading) -> None:
    excluded = _expression("NOT_AVERAGED").search(row.path)
    assert row.averaged == (isinstance(row.values, Number) and not excluded)


@pytest.mark.parametrize(
    "row", [row for row in READINGS if row.source is not Source.STATS], ids=_by_path
)
def test_only_statistics_are_averaged_or_end_with_the_connection(row: Reading) -> None:
    assert not row.averaged
    assert not row.lasts
