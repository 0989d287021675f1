"""The pages of sessions and meetings, on calls whose truth is counted by the second."""

import asyncio
import json
import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jmmc.core.model import Dialect, Push
from jmmc.maintenance.schedule import summarizer_of
from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import create_app
from tests.support.builders import call, samples_of
from tests.support.stays import START, attempt, push_of

_DAY = 86_400
_GOOD: dict[str, Any] = {
    "cq": 100,
    "rtt": 40,
    "d": {"pl": 0, "apl": 0, "jit": 5, "by": []},
    "t": {"sr": "eu", "tp": "udp", "p2p": False},
}


def _session(number: int, began: int, *parts: tuple[int, dict[str, Any]], **more: Any) -> Push:
    """A session of a person with its number; `parts` have seconds since the join."""
    first = (0, {"pid": f"p{number}", "br": "Chrome 131"} | _GOOD)
    samples = samples_of([(began + at, changes) for at, changes in (first, *parts)])
    person = more.pop("person", number)
    browser_id = f"{person:08x}-0000-4000-8000-000000000000"
    room = more.pop("room", "standup")
    return Push(f"{number:024x}", room, browser_id, Dialect.V2, tuple(samples))


def _every_ten_seconds(until: int, changes: dict[int, dict[str, Any]]) -> list[tuple[int, Any]]:
    return [(at, changes.get(at, {})) for at in range(10, until + 1, 10)]


# Ten minutes; from second 200 to 320 a fifth of the audio is lost, from 400 to 420 the delay is
# 450 ms; the microphone is off from 100 to 160, and the region changes at second 300.
_LOST = {
    100: {"ev": ["muted_audio"]},
    160: {"ev": ["unmuted_audio"]},
    200: {"d": {"apl": 20, "by": [["p2", 20, 8, None, None]]}},
    300: {"t": {"sr": "us"}, "ev": ["region_changed"]},
    320: {"d": {"apl": 0, "by": []}},
    400: {"rtt": 450},
    420: {"rtt": 40},
}
_PUSHES = [
    _session(1, START, *_every_ten_seconds(600, _LOST)),
    _session(2, START, *_every_ten_seconds(600, {10: {"rtt": 80}})),
    _session(3, START, *_every_ten_seconds(600, {10: {"rtt": 90}})),
    _session(
        4, START, *_every_ten_seconds(600, {200: {"d": {"apl": 9, "by": [["p3", 9, 4, 0, 0]]}}})
    ),
    # The same person on other days: good, unknown, and one that is too long ago.
    _session(11, START - 3 * _DAY, *_every_ten_seconds(300, {}), person=1, room="monday"),
    _session(12, START - 31 * _DAY, *_every_ten_seconds(300, {}), person=1, room="long-ago"),
    Push(
        f"{13:024x}",
        "silent",
        f"{1:08x}-0000-4000-8000-000000000000",
        Dialect.V2,
        tuple(samples_of([(START - _DAY + at, {"pid": "p13"}) for at in (0, 30, 60)])),
    ),
    push_of(21, attempt(-30, person=2)),
    push_of(22, attempt(90, person=30)),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("session_page") / "calls.db"

    asyncio.run(_fill(path, _PUSHES))
    return path


async def _fill(path: Path, pushes: Sequence[Push]) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.append(pushes)
    async for _ in summarizer_of(store, Settings.of(), lambda: START + _DAY).upgrade():
        pass
    await store.close()


async def _html(path: Path, url: str, status: int = 200) -> str:
    store = SqliteStore(path)
    app = create_app(Settings(store=f"sqlite:///{path}", secret="x"), store=store)
    headers = {"host": "127.0.0.1", "accept": "application/json"}
    answer = await call(app, "GET", url, client="127.0.0.1", headers=headers)
    await app.metrics.collector.close()
    assert answer.status == status, answer.body
    return answer.body.decode()


def _text(html: str) -> str:
    without = re.sub(r"<(script|title)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", without)).split())


async def test_a_session_answers_first_what_when_why_and_what_next(path: Path) -> None:
    html = await _html(path, f"/sessions/{1:024x}")
    text = _text(html)
    answer = text[text.index("p1 in standup") : text.index("Timeline")]
    assert "packet loss (audio received 20.0 %)" in answer
    assert "poor 00:03:20 \N{EN DASH} 00:05:20 · 2 min" in answer
    assert "Likely cause" in answer or "Candidates" in answer
    assert "What to do next:" in answer or "What to check first:" in answer
    assert "2 problems" in answer
    assert "2 min 20 s with problems, of 10 min" in answer
    (data,) = re.findall(r'<script type="application/json" class="data">(.*?)</script>', html)
    drawn = json.loads(data)
    assert list(drawn["limits"]) == ["Packet loss by kind"]
    assert drawn["limits"]["Packet loss by kind"] == [
        [5.0, "fair", False, []],
        [10.0, "poor", False, []],
    ]
    assert [span[:2] for span in drawn["spells"]] == [
        [START + 200, START + 320],
        [START + 400, START + 420],
    ]


async def test_events_and_values_stand_below_the_grade_with_their_times(path: Path) -> None:
    text = _text(await _html(path, f"/sessions/{1:024x}"))
    tracks = text[text.index("Timeline") : text.index("Events (5)")]
    assert "microphone off 1 \N{MULTIPLICATION SIGN} · 1 min" in tracks
    assert "region changed 00:05" in tracks
    assert "region eu us eu → us 00:05" in tracks, "in the track, and beside it"
    listed = text[text.index("Events (5)") : text.index("Device")]
    assert "00:00:00 joined 00:01:40 microphone off 00:02:40 microphone on" in listed
    assert "00:10:00 left" in listed


async def test_metrics_stand_beside_those_of_the_others_in_the_meeting(path: Path) -> None:
    text = _text(await _html(path, f"/sessions/{1:024x}"))
    # 40 ms but for 20 seconds of 600; the others have 80, 90 and 40 ms.
    assert "Round-trip time 40 ms > 40 ms 80 ms (3) 60 \N{EN DASH} 85 ms > 300 ms > 600 ms" in text
    assert "Packet loss by kind, audio received 0 % > 20 % poor 0 % (3)" in text
    french = _text(await _html(path, f"/sessions/{1:024x}?lang=fr"))
    assert "> 20 % mauvais" in french


async def test_the_same_person_has_a_mark_for_each_session_of_thirty_days(path: Path) -> None:
    html = await _html(path, f"/sessions/{1:024x}")
    strip = html[html.index("timeline strip") : html.index("As a list")]
    marks = re.findall(r'<a href="/sessions/(\w+)".*?<rect class="(\w+)" x="([\d.]+)" y', strip)
    graded = [(int(session, 16), grade) for session, grade, _ in marks]
    hit = re.findall(r'rect class="hit" x="([\d.]+)"', strip)
    assert [session for session, _ in graded] == [11, 13, 1]
    # The axis has thirty days before this session, and its ten minutes.
    assert float(hit[0]) == pytest.approx(27 * _DAY * 1000 / (30 * _DAY + 600), abs=0.1)
    assert re.findall(r'<rect class="(good|fair|poor|unknown)"', strip) == [
        "good",
        "unknown",
        "poor",
    ]
    assert "2026-09-20 00:00, silent: unknown" in strip
    person = await _html(
        path, f"/participants/{1:08x}-0000-4000-8000-000000000000?since=2026-09-19&until=2026-09-22"
    )
    strip = person[person.index("timeline strip") :]
    assert re.findall(r'<rect class="(good|fair|poor|unknown)"', strip)[:2] == ["unknown", "poor"]


async def test_a_good_session_says_so_in_one_line_and_one_without_readings_that_it_is_unknown(
    path: Path,
) -> None:
    good = _text(await _html(path, f"/sessions/{2:024x}"))
    assert "No problems in this session. Good for all of the time that is known: 10 min" in good
    assert "What to" not in good
    silent = await _html(path, f"/sessions/{13:024x}")
    assert "Its quality is not known." in _text(silent)
    assert "data-charts" not in silent


async def test_the_data_of_all_charts_is_answered_to_readers_only_for_known_sessions(
    path: Path,
) -> None:
    data = json.loads(await _html(path, f"/sessions/{1:024x}/curves"))
    assert data["times"][0] == START
    assert data["others"]["rtt_ms"] == [60.0, 80.0, 85.0, 3]
    assert data["figures"]["rtt_ms"] == [40.0, 40.0, 40.0]
    assert data["limits"]["Round-trip time"] == [
        [300.0, "fair", False, []],
        [600.0, "poor", False, []],
    ]
    assert "not known" in await _html(path, f"/sessions/{'f' * 24}/curves", 404)


async def test_a_meeting_has_a_matrix_and_failed_joins_at_their_moments(path: Path) -> None:
    html = await _html(path, f"/meetings/{1:024x}")
    text = _text(html)
    matrix = text[text.index("Who received whom badly") : text.index("Timelines of all")]
    # p1 received p2 badly for 120 seconds, p4 received p3 badly from second 200 to the end.
    assert "p4 9.0 % audio lost, 6 min 40 s · fine" in matrix
    assert "p1 · fine 20.0 % audio lost, 2 min" in matrix
    lanes = html[html.index('id="lanes"') :]
    crosses = re.findall(r'class="attempt" d="M([\d.]+) ', lanes)
    # The axis begins with the first attempt, 30 seconds before the meeting of ten minutes.
    assert [float(x) + 4 for x in crosses[:2]] == pytest.approx([4, 120 * 1000 / 630], abs=0.1)
    assert len(crosses) == 3, "and once on the lane of the one who joined later"
    own = lanes[lanes.index(f'id="lane-{2:024x}"') :].partition("</div>")[0]
    assert own.count("attempt") == 1
    # In tenths of a poor second: 120 poor and 20 fair ones are 1,260; 400 fair ones are 1,200.
    assert re.findall(r'id="lane-0*(\w)"', lanes) == ["1", "4", "2", "3"]


def test_the_answer_of_the_api_has_marks_and_others(path: Path) -> None:
    content = asyncio.run(_html(path, f"/api/v1/sessions/{1:024x}"))
    answer = msgspec.json.decode(content)
    assert [mark["grade"] for mark in answer["recent"]] == ["good", "unknown", "poor"]
    assert answer["others"]["rtt_ms"] == {"sessions": 3, "low": 60, "median": 80, "high": 85}


async def test_what_to_do_next_is_said_for_each_cause_of_a_tie(tmp_path: Path) -> None:
    """All who have problems, and nobody else, are in one region and on its one bridge."""
    there = {"t": {"sr": "sa", "ip": "198.51.100.7"}}
    lost = {200: {"ev": ["interrupted"]}, 320: {"ev": ["restored"]}}
    pushes = []
    for number in range(1, 17):
        parts = _every_ten_seconds(600, lost if number < 9 else {})
        first = there if number < 9 else {"t": {"ip": "198.51.100.9"}}
        parts[0] = (10, first)
        pushes.append(_session(number, START, *parts, room=f"room-{(number - 1) // 4}"))
    path = tmp_path / "calls.db"
    await _fill(path, pushes)
    text = _text(await _html(path, f"/sessions/{1:024x}"))
    advice = text[text.index("What to do next:") : text.index("Timeline")]
    assert "explain this equally well" in text
    assert "Look at the bridges of sa, and at the routes to them." in advice
    assert "Look at the bridge 198.51.100.7" in advice
