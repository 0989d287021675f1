"""The quick writer of timelines writes the same bytes as the tables that any rows go through."""

from collections.abc import Sequence
from typing import Any, get_args

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from jmmc.answers.export import SAMPLE_COLUMNS
from jmmc.answers.tables import table
from jmmc.answers.timeline_text import TextFormat, TimelineText
from jmmc.core.model import Dialect, Sample, Session
from jmmc.core.readings import COLUMNS
from jmmc.quality.timeline_rows import sample_rows
from jmmc.simulation.scenario import Scenario, simulate
from tests.support.builders import RHYTHM
from tests.support.strategies import SESSIONS, bounded

TEXTS = st.sampled_from(
    ["", "=1+1", 'a "b", c', "x;\n=2", "\x1b[2J\u202e", "réunion", "\x7f", "a\r\nb", "1", "true"]
)
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
    st.just([["ab12", 0, 4, 0, 30.5]]),
)
READINGS = st.dictionaries(st.sampled_from([row.path for row in COLUMNS.values()]), _VALUES)


def sessions_of(parts: Sequence[dict[str, Any]], room: str) -> list[Session]:
    """Two sessions; in the second one every other sample has all that is known."""
    encoded = [msgspec.json.encode(part) for part in parts]
    return [
        Session(
            "a" * 24,
            room,
            "u,1",
            Dialect.V2,
            1_700_000_000,
            tuple(
                Sample(
                    seq,
                    1_700_000_000 + 49_999 * seq,
                    part,
                    full and seq % 2 == 0,
                    seq == len(parts),
                )
                for seq, part in enumerate(encoded)
            ),
        )
        for full in (False, True)
    ]


def _check(sessions: Sequence[Session]) -> None:
    for form in get_args(TextFormat):
        for for_terminal in (False, True) if form == "csv" else (False,):
            quick = TimelineText(form, for_terminal=for_terminal)
            plain = table(form, SAMPLE_COLUMNS, for_terminal=for_terminal)
            written = [quick.content(quick.lines(session, RHYTHM)) for session in sessions]
            expected = [plain.add([*sample_rows(session, RHYTHM)]) for session in sessions]
            assert [*written, quick.end()] == [*expected, plain.end()]


@settings(bounded, max_examples=12)
@given(st.lists(READINGS, max_size=5), TEXTS)
def test_any_readings_are_written_as_tables_write_them(
    parts: list[dict[str, Any]], room: str
) -> None:
    _check(sessions_of(parts, room))


@settings(bounded, max_examples=12)
@given(st.lists(SESSIONS, max_size=2))
def test_readings_that_no_browser_sends_are_written_as_tables_write_them(
    sessions: list[Session],
) -> None:
    _check(sessions)


def test_simulated_calls_are_written_as_tables_write_them() -> None:
    scenario = Scenario(4, 1, 1440, seed=5, start=1_700_000_000)
    _check([life.session for life in simulate(scenario)])
