"""The live page with very many meetings."""

import re
import time
from pathlib import Path

import msgspec

from jmmc.alerting.evaluator import AlertEvaluator
from jmmc.answers.queries import Queries
from jmmc.core.model import Dialect, Sample, Session
from jmmc.ingest.disk_guard import DiskGuard
from jmmc.maintenance.incidents import IncidentFinder
from jmmc.maintenance.schedule import rhythm_of
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import Summary
from jmmc.quality.thresholds import preset
from jmmc.quality.timeline import Rhythm
from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import create_app
from tests.support.builders import call
from tests.support.troubles import person


def _running(number: int) -> Summary:
    """Somebody alone in a room, of whom a sample has just come."""
    samples = (Sample(0, 1000, b'{"pid":"a"}'), Sample(1, 1010, b'{"cq":100}'))
    session = Session(f"{number:024}", f"room-{number}", "b", Dialect.V2, 1000, samples)
    summary = summarize(session, preset=preset("experience"), rhythm=Rhythm(10, 75))
    return msgspec.structs.replace(summary, running=True, last=int(time.time()))


async def test_the_worst_120_meetings_are_shown_and_the_others_counted(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    await store.reports.put_summaries([_running(number) for number in range(130)])
    app = create_app(Settings(store=f"sqlite:///{store.path}", secret="x"), store=store)
    for language, text in (("en", "10 more meetings"), ("fr", "10 autres réunions")):
        page = await call(
            app, "GET", f"/?lang={language}", client="127.0.0.1", headers={"host": "127.0.0.1"}
        )
        html = page.body.decode()
        assert html.count('class="meeting-card ') == 120
        assert text in html
        assert "130" in html
    answer = await call(
        app, "GET", "/api/v1/live", client="127.0.0.1", headers={"host": "127.0.0.1"}
    )
    assert len(answer.json["meetings"]) == 130, "the API answers with all"
    await app.metrics.collector.close()


async def test_a_running_meeting_began_when_its_first_participant_came_who_may_have_left(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()

    def there(number: int, began: int, ended: int, *, running: bool) -> Summary:
        return msgspec.structs.replace(
            _running(number), room="standup", began=began, ended=ended, running=running
        )

    # The first left after the second had come; who came an hour before was another meeting.
    await store.reports.put_summaries(
        [
            there(1, 100_000, 100_100, running=False),
            there(2, 104_000, 104_900, running=False),
            there(3, 104_500, 106_000, running=True),
        ]
    )
    app = create_app(Settings(store=f"sqlite:///{store.path}", secret="x"), store=store)
    host = {"host": "127.0.0.1"}
    live = (await call(app, "GET", "/api/v1/live", client="127.0.0.1", headers=host)).json
    listed = (
        await call(
            app,
            "GET",
            "/api/v1/meetings?since=1970-01-01&until=1970-01-03",
            client="127.0.0.1",
            headers=host,
        )
    ).json
    assert [meeting["began"] for meeting in live["meetings"]] == ["1970-01-02T04:53:20Z"]
    assert live["meetings"][0]["began"] == listed[0]["began"]
    assert live["meetings"][0]["id"] == listed[0]["id"]
    await app.metrics.collector.close()


async def test_an_incident_has_its_own_people_beside_all_in_calls_and_names_its_alert(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    now = int(time.time())
    # One region fails for five minutes until now: 15 people in 3 meetings, of 30 in 6.
    people = [
        person(
            number,
            *([(now - 300, now)] if number < 15 else []),
            there=(now - 900, now),
            signs=("cut",),
            region="eu" if number < 15 else "us",
            room=f"room-{number // 5}",
            running=True,
        )
        for number in range(30)
    ]
    settings = Settings.of(
        store=f"sqlite:///{store.path}",
        secret="x",
        alerts=[{"name": "many", "kind": "incident", "participants": 10}],
    )
    finder = IncidentFinder(store, clock=time.time, holder="me")
    async with finder.changing({}, people):
        await store.reports.put_summaries(people)
    async for _ in finder.find_noted():
        pass
    evaluator = AlertEvaluator(
        Queries(store, rhythm=rhythm_of(settings)),
        store,
        settings,
        disk=DiskGuard(store, settings),
        pushes=lambda: 0,
        holder="me",
        clock=time.time,
    )
    await evaluator.step()
    app = create_app(settings, store=store)
    texts = {
        "en": (
            r"<b>1 incident:</b> (The region eu \(\d\d\s%\)) · affected people: 15"
            r" · in calls now: 30 people in 6 meetings",
            "The likely cause of an incident also follows from when the problems began and ended.",
        ),
        "fr": (
            r"<b>1 incident\s:</b> (La région eu \(\d\d\s%\)) · personnes touchées\s: 15"
            r" · actuellement en réunion\s: 30 personnes dans 6 réunions",
            "se déduit aussi du moment où les problèmes ont commencé et fini.",
        ),
    }
    for language, (verdict, note) in texts.items():
        page = await call(
            app, "GET", f"/?lang={language}", client="127.0.0.1", headers={"host": "127.0.0.1"}
        )
        html = page.body.decode()
        found = re.search(verdict, html)
        assert found, html
        assert re.search(rf">{re.escape(found[1])}</a></p>", html), "the alert names the incident"
        assert note in html
    await app.metrics.collector.close()
