"""Alerts of incidents: once each, with their cause, in every channel; made-up ones mute none."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from jmmc import Settings
from jmmc.alerting.evaluator import AlertEvaluator
from jmmc.alerting.notifications import (
    Notification,
    alertmanager_body,
    chat_text,
    email_text,
    explains,
    note_of,
)
from jmmc.answers.queries import Queries
from jmmc.ingest.disk_guard import DiskGuard
from jmmc.maintenance.incidents import IncidentFinder
from jmmc.maintenance.schedule import rhythm_of
from jmmc.quality.causes import Answer, Cause
from jmmc.quality.causes.answer import Verdict
from jmmc.quality.causes.recorded import StoredIncident
from jmmc.quality.filters import IncidentFilter
from jmmc.quality.summary import Summary
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.clock import Clock
from tests.support.receivers import SECRET, Receiver
from tests.support.troubles import person

_H = 1_789_948_800
_THERE = (_H + 60, _H + 900)
_BAD = (_H + 600, _H + 900)


class Server:
    """A store, what is stored in it, and the alerts that follow."""

    def __init__(self, store: SqliteStore, receiver: Receiver, *rules: dict[str, Any]) -> None:
        self.store, self.clock = store, Clock(_H + 930)
        settings = Settings.of(
            alerts=list(rules),
            alert_secret=SECRET,
            alert_private_targets="127.0.0.1",
            alert_webhooks=receiver.url,
            public_url="https://m.example",
        )
        self._finder = IncidentFinder(store, clock=self.clock, holder="me")
        self._evaluator = AlertEvaluator(
            Queries(store, rhythm=rhythm_of(settings), clock=self.clock),
            store,
            settings,
            disk=DiskGuard(store, settings),
            pushes=lambda: 0,
            holder="me",
            clock=self.clock,
        )

    async def put(self, summaries: Sequence[Summary]) -> None:
        former = await self.store.reports.get_summaries([row.session for row in summaries])
        async with self._finder.changing({row.session: row for row in former}, summaries):
            await self.store.reports.put_summaries(summaries)
        async for _ in self._finder.find_noted():
            pass

    async def evaluate(self, seconds: int = 0) -> None:
        self.clock.now += seconds
        await self._evaluator.step()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def _outage(end: int = _BAD[1], people: int = 12, *, running: bool = True) -> list[Summary]:
    return [
        person(
            n,
            (_BAD[0], end),
            there=(_THERE[0], end),
            signs=("cut",),
            region="eu",
            room=f"r{n // 3}",
            running=running,
        )
        for n in range(people)
    ]


def _good(count: int = 30) -> list[Summary]:
    return [person(n, there=_THERE) for n in range(100, 100 + count)]


def _cause(kind: str, value: str = "", probability: float = 0.18) -> Cause:
    return Cause(kind, value, probability, 0, 0, 0, 0)


_RULE = {"name": "incident", "kind": "incident", "participants": 10, "probability": 0.5}


async def test_an_incident_notifies_once_when_it_has_begun_and_once_when_it_is_over(
    store: SqliteStore, receiver: Receiver
) -> None:
    server = Server(store, receiver, _RULE)
    await server.put([*_outage(people=9), *_good()])
    await server.evaluate()
    assert receiver.events == []  # Of nine people: too small.
    await server.put(_outage())
    (incident,) = await store.reports.incidents(IncidentFilter(), limit=5, order="affected")
    for _ in range(3):
        await server.evaluate(30)
        await server.put(_outage(end=int(server.clock.now)))
    assert receiver.events == [("alert.firing", "incident", incident.id)]
    data = receiver.taken[0]["data"]
    assert data["summary"].startswith("12 people in 4 meetings affected: region eu (")
    assert data["figures"]["participants"] == 12
    assert data["link"] == f"https://m.example/incidents/{incident.id}"
    assert data["incidents"][0]["id"] == incident.id
    await server.put(_outage(end=int(server.clock.now), running=False))
    await server.evaluate(30)
    await server.evaluate(301)
    assert [kind for kind, *_ in receiver.events] == ["alert.firing", "alert.resolved"]
    data = receiver.taken[-1]["data"] | {"told": "resolved", "since": _BAD[0], "at": _BAD[1]}
    over = msgspec.convert(data, Notification)
    assert over.summary.startswith("Resolved: 12 people in 4 meetings affected: region eu (")
    assert "\n".join(chat_text(over)).startswith("Resolved: incident\n12 people in 4 meetings")
    assert email_text(over)[0].startswith("[jmmc resolved] incident: 12 people in 4 meetings")
    await server.evaluate(60)
    assert len(receiver.events) == 2


async def test_incidents_that_one_network_makes_up_mute_no_real_one(
    store: SqliteStore, receiver: Receiver
) -> None:
    server = Server(store, receiver, _RULE)
    await server.put([*_outage(), *_good()])
    (real,) = await store.reports.running_incidents()
    (part,) = real.parts
    replace = msgspec.structs.replace
    made_up = [
        StoredIncident(
            replace(real.incident, id=f"i{number:016x}"),
            (replace(part, networks=(("liars", 3600),)),),
        )
        for number in range(30)
    ]
    await store.reports.replace_incidents([real.incident.id], made_up)
    await server.evaluate()
    assert len(receiver.events) == 20  # All that may be active at once.
    await store.reports.replace_incidents([], [real])
    await server.evaluate(30)
    assert receiver.events[20:] == [("alert.firing", "incident", real.incident.id)]


async def test_in_a_tie_the_probability_of_a_rule_is_that_of_all_its_causes_together(
    store: SqliteStore, receiver: Receiver
) -> None:
    server = Server(store, receiver, _RULE)
    await server.put([*_outage(), *_good()])
    (real,) = await store.reports.running_incidents()
    replace = msgspec.structs.replace
    causes = (_cause("region", "eu", 0.45), _cause("bridge", "b", 0.4), _cause("chance"))
    tie = replace(real.incident.answer, verdict=Verdict.TIE, causes=causes, ties=(1,))
    unclear = replace(tie, verdict=Verdict.UNCLEAR, ties=())
    stored = [
        StoredIncident(replace(real.incident, id=f"i{number:016x}", answer=answer), real.parts)
        for number, answer in enumerate((tie, unclear))
    ]
    await store.reports.replace_incidents([real.incident.id], stored)
    await server.evaluate()
    (body,) = receiver.taken
    assert body["data"]["figures"]["probability"] == 0.85
    assert body["data"]["incidents"][0]["verdict"] == "tie"


async def test_an_alert_of_a_region_names_the_incident_that_explains_it(
    store: SqliteStore, receiver: Receiver
) -> None:
    rule = {"name": "poor", "kind": "poor_share", "by": "region", "above": 0.2, "participants": 5}
    server = Server(store, receiver, rule)
    await server.put([*_outage(), *_good()])
    await server.evaluate()
    (body,) = receiver.taken
    (named,) = body["data"]["incidents"]
    assert (named["cause"], named["people"], named["meetings"]) == ("region eu", 12, 4)
    assert named["link"].startswith("https://m.example/incidents/i")
    text = "12 people in 4 meetings affected: region eu (99 %)"
    assert named["causes"] == [{"cause": "region eu", "probability": named["probability"]}]
    notification = msgspec.convert(
        {
            **body["data"],
            **{"told": "firing", "since": _BAD[0], "at": _BAD[1]},
        },
        Notification,
    )
    assert text in email_text(notification)[1]
    assert named["link"] in chat_text(notification)[1]
    assert text in alertmanager_body(notification)[0]["annotations"]["incidents"]
    (incident,) = await store.reports.incidents(IncidentFilter(), limit=5, order="affected")
    assert explains(incident, "region", "eu")
    assert not explains(incident, "region", "us")


async def test_what_a_browser_calls_its_region_is_no_markup_in_a_chat(
    store: SqliteStore, receiver: Receiver
) -> None:
    server = Server(store, receiver, _RULE)
    hostile = [msgspec.structs.replace(row, region="@all <b>", bridge="") for row in _outage()]
    await server.put([*hostile, *_good()])
    await server.evaluate()
    (body,) = receiver.taken
    data = {**body["data"], "told": "firing", "since": _BAD[0], "at": _BAD[1]}
    text = chat_text(msgspec.convert(data, Notification))[1]
    assert "@" not in text
    assert "<" not in text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            Answer(
                Verdict.TIE,
                (
                    _cause("region", "eu", 0.45),
                    _cause("bridge", "b", 0.37),
                    _cause("meeting", "r1"),
                ),
                ties=(1, 2),
            ),
            " affected: region eu (45 %) or bridge b (37 %) or one meeting (18 %), which explain it"
            " equally well",
        ),
        (
            Answer(
                Verdict.UNCLEAR, (_cause("line", "up", 0.496), _cause("os", "X"), _cause("device"))
            ),
            " affected, cause unclear: one participant (49 %) or operating system X (18 %)",
        ),
        (
            Answer(
                Verdict.TIE, (_cause("line", "up", 0.6), _cause("other end", "s", 0.3)), ties=(1,)
            ),
            " affected: one participant (90 %)",
        ),
    ],
)
async def test_a_notification_is_as_sure_of_the_cause_as_the_page(
    store: SqliteStore, receiver: Receiver, answer: Answer, said: str
) -> None:
    server = Server(store, receiver)
    await server.put([*_outage(), *_good()])
    (incident,) = await store.reports.incidents(IncidentFilter(), limit=5, order="affected")
    note = note_of(msgspec.structs.replace(incident, answer=answer), "")
    assert note.sentence == f"12 people in 4 meetings{said}"
