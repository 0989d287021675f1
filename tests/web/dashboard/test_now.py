"""The live page with very many meetings."""

import time
from pathlib import Path

import msgspec

from jmmc.core.model import Dialect, Sample, Session
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import Summary
from jmmc.quality.thresholds import preset
from jmmc.quality.timeline import Rhythm
from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import create_app
from tests.support.builders import call


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
