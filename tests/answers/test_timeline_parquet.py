"""The quick writer of timelines as Parquet writes the rows that tables write."""

import io
from collections.abc import Sequence
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jmmc.answers import timeline_parquet
from jmmc.answers.export import SAMPLE_COLUMNS
from jmmc.answers.tables import table
from jmmc.answers.timeline_parquet import TimelineParquet
from jmmc.core.model import Session
from jmmc.quality.timeline_rows import sample_rows
from jmmc.simulation.scenario import Scenario, simulate
from tests.answers.test_timeline_text import READINGS, TEXTS, sessions_of
from tests.support.builders import RHYTHM
from tests.support.strategies import SESSIONS, bounded


def _written(sessions: Sequence[Session]) -> bytes:
    file = TimelineParquet()
    content = b""
    for session in sessions:
        rows = sum(1 for _ in file.add(session, RHYTHM))
        assert rows == len([*sample_rows(session, RHYTHM)])
        content += file.content()
    return content + file.end()


def _check(sessions: Sequence[Session]) -> None:
    plain = table("parquet", SAMPLE_COLUMNS)
    expected = b"".join(plain.add([*sample_rows(session, RHYTHM)]) for session in sessions)
    quick, slow = (
        pyarrow.parquet.read_table(io.BytesIO(content))
        for content in (_written(sessions), expected + plain.end())
    )
    assert quick.schema == slow.schema
    assert quick.to_pylist() == slow.to_pylist()


@settings(bounded, max_examples=12)
@given(st.lists(READINGS, max_size=5), TEXTS)
def test_any_readings_are_written_as_tables_write_them(
    parts: list[dict[str, Any]], room: str
) -> None:
    _check(sessions_of(parts, room))


@settings(bounded, max_examples=12)
@given(st.lists(SESSIONS, max_size=3))
def test_readings_that_no_browser_sends_are_written_as_tables_write_them(
    sessions: list[Session],
) -> None:
    _check(sessions)


def test_rows_are_written_in_groups_of_whole_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = Scenario(4, 1, 1440, seed=5, start=1_700_000_000)
    sessions = [life.session for life in simulate(scenario)]
    most = max(len(session.samples) for session in sessions)
    monkeypatch.setattr(timeline_parquet, "_GROUP", most + 1)
    _check(sessions)
    groups = pyarrow.parquet.ParquetFile(io.BytesIO(_written(sessions))).metadata.num_row_groups
    assert 1 < groups < len(sessions)


def test_a_session_without_samples_adds_no_row() -> None:
    scenario = Scenario(1, 1, 60, seed=5, start=1_700_000_000)
    (session,) = [life.session for life in simulate(scenario)]
    empty = Session("b" * 24, "empty", "nobody", session.dialect, session.began, ())
    _check([empty, session, empty])
    _check([empty])
