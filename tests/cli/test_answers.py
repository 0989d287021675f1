"""Answers in the terminal (report, sessions, show), and the commands that fill a store."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from jmmc import Reader
from jmmc.cli.answers import _spark
from jmmc.core.model import Dialect, Push, Sample
from jmmc.simulation.scenario import Scenario, simulate
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.builders import UID
from tests.support.commands import jmmc
from tests.support.servers import FASTER, Serve
from tests.support.waiting import wait_until

_SEED = ["--participants", "80", "--rooms", "8", "--minutes", "300", "--seed", "4"]
_START = "2026-09-21T08:00"
_SIMULATED = list(simulate(Scenario(80, 8, 300, 4, 1_789_977_600)))
_STORED = [session for simulated in _SIMULATED for session in simulated.sessions]
_WINDOW = ["--since", "2026-09-21", "--until", "2026-09-22"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store under its default name."""
    folder = tmp_path_factory.mktemp("simulated")
    done = jmmc("simulate", *_SEED, "--start", _START, folder=folder)
    assert done.returncode == 0, done.stderr
    assert "80 sessions in" in done.stdout
    (folder / "said").write_text(done.stdout)
    return folder


def _json(folder: Path, *arguments: str) -> Any:
    done = jmmc(*arguments, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_report_counts_the_simulated_sessions(folder: Path) -> None:
    answer = _json(folder, "report", *_WINDOW, "--by", "region")
    assert answer["overview"]["sessions"] == 80
    assert sum(item["sessions"] for item in answer["compare"]) == 80
    # A session shorter than its first reading has no region.
    regions = {item["value"] for item in answer["compare"]} - {""}
    assert regions == {simulated.region for simulated in _SIMULATED}
    text = jmmc("report", *_WINDOW, "--by", "region", folder=folder).stdout
    assert "80 sessions in" in text
    assert "eu-central" in text


def test_a_report_agrees_with_the_expected_results_that_were_printed(folder: Path) -> None:
    """Time with problems by region, to the percent: a region is known from the second sample on."""
    said = (folder / "said").read_text()
    answer = _json(folder, "report", *_WINDOW, "--by", "region")
    for item in answer["compare"]:
        if item["value"]:
            lines = [text for text in said.splitlines() if text.endswith("with a problem")]
            (line,) = [text for text in lines if text.split()[0] == item["value"]]
            truth = float(line.split()[1].rstrip("%")) / 100
            grades = item["grades"]
            assert 1 - grades["good_share"] == pytest.approx(truth, abs=0.01)


def test_usage_is_the_same_as_a_table_as_json_and_as_csv(folder: Path) -> None:
    arguments = ["usage", "--by", "day", "--tz", "Europe/Paris", *_WINDOW]
    (day,) = _json(folder, *arguments)
    assert day["start"] == "2026-09-20T22:00:00Z"  # Midnight in Paris.
    assert 0 < day["participants"] <= 80
    assert sum(day["meeting_lengths"]) == day["meetings"]
    for columns, is_wide in {"120": False, "200": True}.items():
        table = jmmc(*arguments, folder=folder, COLUMNS=columns).stdout
        assert f"{day['minutes']:,}" in table
        assert "figures begin on 2026-09-21; days of Europe/Paris" in table
        assert "…" not in table, "a figure is cut off"
        assert ("peak people" in table) == is_wide
    lines = jmmc(*arguments, "--csv", folder=folder).stdout.splitlines()
    assert lines[1].startswith(f"{day['start']},{day['end']},{day['meetings']},")
    wrong = jmmc("usage", "--tz", "Mars/Base", folder=folder)
    assert wrong.returncode == 2
    assert "expected a time zone" in wrong.stderr


def test_sessions_are_listed_and_shown(folder: Path) -> None:
    listed = _json(folder, "sessions", *_WINDOW, "--grade", "poor")["items"]
    assert listed
    assert {item["poor"] > 0 for item in listed} == {True}
    text = jmmc("sessions", *_WINDOW, "--limit", "5", folder=folder).stdout
    assert "more than 5" in text
    session = listed[0]["session"]
    detail = _json(folder, "show", session)
    assert detail["summary"]["session"] == session
    assert detail["spells"]
    text = jmmc("show", session.upper(), folder=folder).stdout
    summary = detail["summary"]
    assert summary["provider"].startswith("AS6449")
    assert f"network {summary['network']}, {summary['provider']}, {summary['country']}," in text
    beginning = {"likely": "Likely cause: ", "unclear": "Unclear: ", "tie": "explain this equally"}
    for item in detail["spells"]:
        verdict = item["answer"]["verdict"]
        assert beginning.get(verdict, "Not enough data: ") in " ".join(text.split())
    assert "○ poor" in text


def test_what_hurt_most_is_listed_shown_and_exported(folder: Path) -> None:
    listed = _json(folder, "incidents", *_WINDOW, "--limit", "500")["items"]
    seconds = [incident["seconds"] for incident in listed]
    assert seconds == sorted(seconds, reverse=True)
    worst = listed[0]
    assert worst["people"] > 1
    text = jmmc("incidents", *_WINDOW, "--limit", "3", folder=folder).stdout
    assert len(text.splitlines()) >= 4
    assert worst["id"] in text
    shown = jmmc("show", worst["id"].upper(), folder=folder).stdout
    assert f"{worst['people']} people in {worst['meetings']} meetings affected" in shown
    assert _json(folder, "show", worst["id"])["incident"] == worst
    report = jmmc("report", *_WINDOW, folder=folder).stdout
    assert worst["id"] in report.partition("What hurt most")[2]
    empty = jmmc("incidents", "--since", "2020-01-01", "--until", "2020-01-02", folder=folder)
    assert empty.stdout == "no incidents in this period\n"
    rows = jmmc("export", "--what", "incidents", "--format", "csv", *_WINDOW, folder=folder).stdout
    assert len(rows.splitlines()) == 1 + len(listed)
    refused = jmmc("export", "--what", "incidents", "--room", "x", folder=folder)
    assert refused.returncode == 1
    assert "only be selected by time" in refused.stderr


def test_an_incident_its_sessions_and_its_meetings_name_the_same_cause(folder: Path) -> None:
    with Reader(f"sqlite:///{folder}/jmmc.db") as reader:
        found = [*reader.incidents("2026-09-21", "2026-09-22")]
        assert len(found) > 20
        named_as_own = 0
        for incident in found:
            worst = incident.worst_sessions[0]
            for affected in incident.worst_sessions:
                if affected.session == incident.cause.value:  # What others receive from this one.
                    worst = affected
            detail = reader.session(worst.session)
            problems = [problem for problem in detail.spells if problem.incident == incident.id]
            lengths = [problem.spell.end - problem.spell.start for problem in problems]
            assert sum(lengths) == worst.seconds, "exactly the problems that are counted in it"
            for problem in problems:
                first = problem.answer.causes[0]
                assert first.probability == incident.cause.probability
                assert bool(problem.answer.likely) == bool(incident.answer.likely)
                if incident.cause.value == worst.session:
                    assert first.kind in ("line", "machine", "device", "chance")
                    named_as_own += 1
                else:
                    assert first == incident.cause
            (shown,) = [
                shown
                for shown in reader.meeting(worst.session).incidents
                if shown.id == incident.id
            ]
            assert shown.answer == incident.answer
        assert named_as_own
        text = jmmc("show", found[0].worst_sessions[0].session, folder=folder).stdout
        assert f"part of incident {found[0].id}" in text


def test_sessions_of_a_cause_are_those_of_its_incidents(folder: Path) -> None:
    found = _json(folder, "sessions", *_WINDOW, "--cause", "line", "--limit", "500")
    listed = {item["session"]["session"] for item in found["items"]}
    affected = [
        session["session"]
        for incident in _json(folder, "incidents", *_WINDOW, "--limit", "500")["items"]
        if incident["answer"]["causes"][0]["kind"] == "line"
        and incident["answer"]["causes"][0]["probability"] >= 0.5
        for session in incident["worst_sessions"]
    ]
    assert found["complete"]
    assert len(listed) > 3
    assert listed == set(affected)
    text = jmmc("sessions", *_WINDOW, "--cause", "line", "--limit", "2", folder=folder).stdout
    assert "own connection" in text
    assert "there are more: raise --limit" in text
    rooms = {item["session"]["room"] for item in found["items"]}
    only = _json(folder, "sessions", *_WINDOW, "--cause", "line", "--room", min(rooms))["items"]
    assert {item["session"]["room"] for item in only} == {min(rooms)}


def test_providers_are_compared_and_filtered_by_number(folder: Path) -> None:
    compared = _json(folder, "report", *_WINDOW, "--by", "provider")["compare"]
    sessions = {
        comparison["value"].partition(" ")[0]: comparison["sessions"] for comparison in compared
    }
    assert sum(sessions.values()) == len(_SIMULATED)
    for number in sessions:
        chosen = _json(folder, "report", *_WINDOW, "--provider", number)
        assert chosen["overview"]["sessions"] == sessions[number]


def test_rebuild_with_another_preset_grades_again(folder: Path) -> None:
    before = _json(folder, "report", *_WINDOW)["overview"]["grades"]
    done = jmmc("rebuild", "--quality-preset", "teams", folder=folder)
    assert f"{len(_STORED)} sessions graded by teams" in done.stdout
    teams = _json(folder, "report", *_WINDOW)["overview"]["grades"]
    assert teams != before
    jmmc("rebuild", folder=folder)
    assert _json(folder, "report", *_WINDOW)["overview"]["grades"] == before


def test_timelines_are_exported_by_day(folder: Path, tmp_path: Path) -> None:
    days = tmp_path / "days"
    options = ["--what", "timeline", "--format", "parquet", "--partition", "day", "-o", str(days)]
    assert jmmc("export", *options, folder=folder).returncode == 0
    table = pyarrow.parquet.read_table(days)
    assert table.num_rows == sum(len(session.samples) for session in _STORED)
    assert [path.name for path in days.iterdir()] == ["day=2026-09-21"]


def test_summaries_are_exported_as_csv(folder: Path) -> None:
    done = jmmc("export", "--what", "summaries", "--format", "csv", folder=folder)
    lines = done.stdout.splitlines()
    assert len(lines) == 81
    assert lines[0].startswith("session,room,participant_id,began,ended,")


def test_tokens_are_created_listed_and_revoked(folder: Path) -> None:
    made = jmmc("token", "create", "grafana", "--scope", "read", folder=folder).stdout.strip()
    assert made.startswith("jmmc_")
    assert "grafana" in jmmc("token", "list", folder=folder).stdout
    assert "already" in jmmc("token", "create", "grafana", folder=folder).stderr
    assert jmmc("token", "revoke", "grafana", folder=folder).returncode == 0
    assert "grafana" not in jmmc("token", "list", folder=folder).stdout
    assert "no token" in jmmc("token", "revoke", "grafana", folder=folder).stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", "--since", "soon"], "expected a date or time"),
        (
            ["report", "--since", "2026-01-02", "--until", "2026-01-01"],
            "since must be earlier than until",
        ),
        (["show", "f" * 24], "not known"),
        (["report", "--store", "sqlite:///none.db"], "no such file"),
        (["rebuild", "--store", "sqlite:///none.db"], "no such file"),
        (["export", "--what", "sessions", "--format", "csv"], "nested"),
        (["export", "--partition", "day", "--what", "timeline"], "needs"),
    ],
)
def test_an_impossible_request_is_refused_in_one_line(
    folder: Path, arguments: list[str], words: str
) -> None:
    done = jmmc(*arguments, folder=folder)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_simulated_browsers_push_through_a_collector(tmp_path: Path) -> None:
    serve = Serve(tmp_path)
    options = ["--participants", "12", "--rooms", "2", "--minutes", "20", "--seed", "1"]
    done = jmmc("simulate", "--url", serve.url, "--speed", "1000", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    exported = serve.export()
    lives = list(simulate(Scenario(12, 2, 20, 1, 0)))
    assert sorted(len(item["m"]) for item in exported) == sorted(
        len(session.samples) for simulated in lives for session in simulated.sessions
    )
    assert serve.stop() == 0
    overview = _json(tmp_path, "report", "--since", "1h", "--store", serve.store)["overview"]
    assert overview["sessions"] <= 12


def test_a_collector_keeps_its_summaries_up_to_date(tmp_path: Path) -> None:
    serve = Serve(tmp_path, code=FASTER)
    options = ["--participants", "6", "--rooms", "1", "--minutes", "10", "--seed", "1"]
    jmmc("simulate", "--url", serve.url, "--speed", "300", *options, folder=tmp_path)

    def has_summaries() -> bool:
        report = _json(tmp_path, "report", "--since", "1h", "--store", serve.store)
        return bool(report["overview"]["sessions"] == 6)

    try:
        wait_until(has_summaries, pause=0.2)
    finally:
        serve.close()


def test_a_curve_shows_unknown_time_and_weighs_values_by_time() -> None:
    """A bar is the weighted mean of two values: 100 % for 1 s and 0 % for 7 s are one eighth."""
    shares = [(1.0, 1), (0.0, 7), (None, 0), (None, 10), (1.0, 5), (None, 5), (0.0, 5), (0.0, 5)]
    assert _spark(shares, most=1.0, width=4) == "▁·█ "
    assert _spark([(None, 0)]) == "·"
    assert _spark([]) == "no data"


def test_one_session_is_singular_and_unknown_time_stands_in_its_curves_where_it_was(
    tmp_path: Path,
) -> None:
    """Twenty minutes: known for 300 s, nothing heard for 600 s, known again for 300 s."""
    times = [*range(0, 301, 30), *range(900, 1201, 30)]
    samples = tuple(
        Sample(seq, 1_700_000_000 + at, b'{"cq":90,"rtt":20}', full=at == 900)
        for seq, at in enumerate(times)
    )

    async def fill() -> None:
        store = SqliteStore(tmp_path / "jmmc.db")
        await store.open()
        await store.append([Push("1" * 24, "room", UID, Dialect.V2, samples)])
        await store.close()

    asyncio.run(fill())
    assert jmmc("rebuild", folder=tmp_path).returncode == 0
    window = ["--since", "2023-11-14T22:13:20Z", "--until", "2023-11-14T22:33:20Z"]
    report = jmmc("report", *window, folder=tmp_path).stdout
    assert "\n1 session in 1 room, 20 minutes, peak 1 person\n" in report
    listed = jmmc("sessions", *window, folder=tmp_path).stdout
    assert listed.splitlines()[1].split()[:4] == ["11111111", "11-14", "22:13", "20"]
    shown = jmmc("show", "1" * 24, folder=tmp_path).stdout
    curve = next(line for line in shown.splitlines() if line.startswith("rtt_ms"))
    known, unknown, again = re.search("(█+)(·+)(█+)", curve).groups()  # type: ignore[union-attr]
    # Of 60 bars, 20 s each: what is known after a hole may begin one sampling interval before.
    assert (len(known), len(known + unknown + again)) == (15, 60)
    assert 28 <= len(unknown) <= 30
