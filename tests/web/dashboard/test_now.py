"""The page of this moment, when very many are there."""

from pathlib import Path

import msgspec

from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import create_app
from tests.quality.test_summary import _person
from tests.support.builders import call


async def test_of_very_many_meetings_the_worst_are_drawn_and_the_others_counted(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path / "calls.db")
    await store.open()
    people = [_person(n, room=f"room-{n}") for n in range(130)]
    people = [msgspec.structs.replace(person, running=True, last=2**31) for person in people]
    await store.reports.put_summaries(people)
    app = create_app(Settings(store=f"sqlite:///{store.path}", secret="x"), store=store)
    for language, words in (("en", "10 more meetings"), ("fr", "10 autres réunions")):
        page = await call(
            app, "GET", f"/?lang={language}", client="127.0.0.1", headers={"host": "127.0.0.1"}
        )
        text = page.body.decode()
        assert text.count('class="meeting-card ') == 120
        assert words in text
        assert "130" in text
    answer = await call(
        app, "GET", "/api/v1/live", client="127.0.0.1", headers={"host": "127.0.0.1"}
    )
    assert len(answer.json["meetings"]) == 130, "who asks for all gets all"
    await app.metrics.collector.close()
