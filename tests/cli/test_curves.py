"""The curves of `jmmc report` and `jmmc show`: their place in time, and unknown time in them."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jmmc.core.model import Dialect, Push, Sample
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import UID
from tests.support.commands import jmmc

_NINE = 1_749_718_800  # 2025-06-12T09:00:00Z
_SESSION = "1" * 24
_GOOD = {"rtt": 20, "u": {"pl": 0, "jit": 2}, "d": {"pl": 0, "jit": 2, "cnc": 0, "frz": 0}}
_UNKNOWN: dict[str, Any] = {"rtt": None, "u": None, "d": None}


def _written(folder: Path, readings: Sequence[dict[str, Any]]) -> str:
    """The URL of a store with a call from nine o'clock: readings of every ten seconds."""
    file = folder / "calls.db"
    samples = [Sample(0, _NINE, b"{}")]
    for number, content in enumerate(readings, 1):
        samples.append(Sample(number, _NINE + 10 * number, json.dumps(content).encode()))

    async def fill() -> None:
        store = SqliteStore(file)
        await store.open()
        await store.append([Push(_SESSION, "room", UID, Dialect.V2, tuple(samples))])
        await store.close()

    asyncio.run(fill())
    url = f"sqlite:///{file}"
    assert jmmc("rebuild", "--store", url).returncode == 0
    return url


def _line(text: str, name: str) -> str:
    (line,) = [line for line in text.splitlines() if line.startswith(name)]
    return line.removeprefix(name)


@pytest.mark.parametrize("minutes", [15, 30])
def test_time_in_which_nobody_was_there_is_unknown_in_the_curve_of_poor_time(
    tmp_path: Path, minutes: int
) -> None:
    url = _written(tmp_path, [_GOOD] * (6 * minutes))
    window = ["--since", "2025-06-12T09:00:00Z", "--until", "2025-06-12T10:00:00Z"]
    done = jmmc("report", *window, "--store", url, folder=tmp_path)
    curve = _line(done.stdout, "poor time    ")
    known = len(curve) * minutes // 60
    assert len(curve) >= 12
    assert curve == " " * known + "·" * (len(curve) - known)


def test_a_curve_of_a_session_keeps_its_place_in_time_beside_unknown_time(tmp_path: Path) -> None:
    """Known for the first five of ten minutes: the first half of the line, give or take a mark."""
    url = _written(tmp_path, [_GOOD] * 30 + [_UNKNOWN] * 30)
    done = jmmc("show", _SESSION, "--store", url, folder=tmp_path)
    curve, _, limits = _line(done.stdout, "rtt_ms ").strip().partition("  ")
    assert limits == "20 to 20"
    assert len(curve) == 60
    assert abs(curve.count("█") - 30) <= 2
    assert curve.strip("·") == "█" * curve.count("█")
