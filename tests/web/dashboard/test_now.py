"""The live page with very many meetings."""

from pathlib import Path

import msgspec

from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import create_app
from tests.quality.test_summary import _person
from tests.support.builders import call


async def test_the_worst_120_meetings_are_shown_and_the_others_counted(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    people = [_person(n, room=f"room-{n}") for n in range(130)]
    people = [msgspec.structs.replace(person, running=True, last=2**31) for person in people]
    await store.reports.put_summaries(people)
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
