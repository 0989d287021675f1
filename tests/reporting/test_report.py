"""The report by e-mail: when it is due, what it says, and that each is sent once."""

import html.parser
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jmmc import Settings, SettingsError
from jmmc.answers.queries import Queries
from jmmc.maintenance.schedule import summarizer_of
from jmmc.quality.causes.answer import Answer, Cause, Verdict
from jmmc.quality.causes.recorded import RecordedIncident
from jmmc.quality.grading import Grade
from jmmc.reporting.content import read_content
from jmmc.reporting.message import Line, Report, Section, as_html, as_text, write_report
from jmmc.reporting.schedule import latest_due
from jmmc.reporting.sending import ReportSender, latest_sending
from jmmc.server.preflight import inspect
from jmmc.stores import Store, open_store
from tests.support.builders import RHYTHM
from tests.support.clock import Clock
from tests.support.commands import jmmc
from tests.support.receivers import Mailbox
from tests.support.servers import free_port
from tests.support.stays import Made, push_of

_PARIS = ZoneInfo("Europe/Paris")


def _at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=_PARIS).timestamp())


def _made(began: str, minutes: int, person: int, **more: Any) -> Made:
    fields = {"outcome": "joined", "failure": "", "region": "eu", "room": "staff", **more}
    start = _at(began)
    return Made(start, start + 60 * minutes, person=person, **fields)


# The week from 23 March 2026 has an hour less in Paris; Monday to Sunday, to the minute.
_CALLS = (
    _made("2026-03-16T00:00", 60, 1),
    _made("2026-03-16T00:00", 60, 2),
    _made("2026-03-23T00:00", 90, 1),
    _made("2026-03-24T10:00", 30, 2),
    _made("2026-03-24T10:00", 30, 3),
    _made("2026-03-24T10:00", 30, 4, outcome="dropped", failure="connection_lost"),
    _made("2026-03-24T10:01", 0, 5, outcome="failed", failure="ice_failed"),
    _made("2026-03-29T23:30", 60, 1),  # 30 minutes on Sunday, the others on Monday.
)
_MONDAY = _at("2026-03-30T07:30")


@pytest.fixture
def clock() -> Clock:
    return Clock(_MONDAY)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(f"sqlite:///{tmp_path}/calls.db")
    await store.open()
    await store.append([push_of(number, made) for number, made in enumerate(_CALLS, 1)])
    await summarizer_of(store, Settings.of(), lambda: _MONDAY).step()
    yield store
    await store.close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    mailbox = Mailbox()
    yield mailbox
    mailbox.close()


def _settings(port: int, **more: Any) -> Settings:
    values = {
        "report_email_every": "weekly",
        "report_emails": "board@example.org,it@example.org",
        "smtp_url": f"smtp://127.0.0.1:{port}",
        "alert_sender": "jmmc@example.org",
        "time_zone": "Europe/Paris",
        "public_url": "https://metrics.example.org",
    }
    return Settings.of(**{**values, **more})


def _sender(store: Store, clock: Clock, settings: Settings, holder: str = "one") -> ReportSender:
    queries = Queries(store, rhythm=RHYTHM, clock=clock)
    return ReportSender(store, queries, lambda: settings, holder=holder, clock=clock)


@pytest.mark.parametrize(
    ("every", "day", "hour", "now", "period", "at"),
    [
        ("weekly", 1, 7, "2026-03-30T07:00", "2026-03-23", "2026-03-30T07:00"),
        ("weekly", 1, 7, "2026-03-30T06:59", "2026-03-16", "2026-03-23T07:00"),
        ("weekly", 7, 2, "2026-03-29T12:00", "2026-03-16", "2026-03-29T02:00"),  # No such hour.
        ("weekly", 7, 23, "2026-03-29T12:00", "2026-03-09", "2026-03-22T23:00"),
        ("monthly", 28, 0, "2026-02-28T00:00", "2026-01-01", "2026-02-28T00:00"),
        ("monthly", 1, 7, "2026-01-01T06:00", "2025-11-01", "2025-12-01T07:00"),
    ],
)
def test_a_report_is_due_on_the_day_and_hour_of_the_time_zone(
    every: str, day: int, hour: int, now: str, period: str, at: str
) -> None:
    settings = _settings(25, report_email_every=every, report_email_day=day, report_email_hour=hour)
    due = latest_due(settings, _at(now))
    assert due is not None
    assert datetime.fromtimestamp(due.bounds[0], _PARIS).isoformat()[:10] == period
    assert due.at == _at(at)


def test_no_report_is_due_while_they_are_off() -> None:
    assert latest_due(Settings.of(), _MONDAY) is None


class _Balanced(html.parser.HTMLParser):
    """Fails where tags do not match; collects the text, and what links lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        self.words.append(data)


async def test_the_mail_has_the_figures_of_the_week_in_both_parts(
    store: Store, clock: Clock, mailbox: Mailbox
) -> None:
    assert await _sender(store, clock, _settings(mailbox.port)).step()
    (mail,) = mailbox.mails
    assert mail["Subject"] == "Jitsi Meet: report of the week of 23 March 2026"
    assert mail["To"] == "board@example.org, it@example.org"
    assert mail["From"] == "jmmc@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    plain, page = mail.get_payload()
    assert (plain.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    text = plain.get_payload(decode=True).decode()
    parsed = _Balanced()
    parsed.feed(page.get_payload(decode=True).decode())
    assert not parsed.open
    words = " ".join(" ".join(parsed.words).split())
    # Counted by hand: 90 + 3 x 30 + 30 minutes, 4 people, 3 meetings, 3 people at once.
    for label, value in {
        "Meetings": 3,
        "Participants": 4,
        "Person-minutes": 210,
        "Peak concurrent people": 3,
        "Peak concurrent meetings": 1,
    }.items():
        assert re.search(rf"^{label} +{value}\b", text, re.M), label
        assert f"{label} {value} " in words
    for said in (
        "The quality was good: 0.0\u00a0% of the time with known quality was poor",
        "week before: 120 (+75 %)",
        "16.7\u00a0%",  # One of six joins failed.
        "1 of 6",
        "media path not connected (ICE): 1",
        "connection to the server lost: 1",
        "No problem of several people at a time is known.",
        "No region, network or browser was significantly worse",
    ):
        assert said in text, said
        assert " ".join(said.split()) in words, said
    assert not parsed.names & {"img", "script", "link", "style", "iframe", "svg"}
    assert len(parsed.links) == 3
    assert all(link.startswith("https://metrics.example.org/") for link in parsed.links)
    assert all(link in text for link in parsed.links)


def test_no_name_in_a_report_reverses_what_follows() -> None:
    lines = [Line("room \u202egnp", "89"), Line("eu\x9b2J", "1")]
    report = Report("en", "Report", "Good.", [Section("Usage", lines)], [], "The end.")
    for part in (as_text(report), as_html(report)):
        assert "room \\u202egnp" in part and "eu\\x9b2J" in part
        assert not {"\u202e", "\x9b"} & {*part}


def test_in_plain_text_the_figures_of_a_long_label_are_below_it() -> None:
    long = "Another participant's connection, machine or device (4384ad68) (47 %)"
    lines = [Line("Meetings", "89", "12 more"), Line(long, "22 minutes"), Line("People", "1,383")]
    text = as_text(Report("en", "Report", "Good.", [Section("Usage", lines)], [], "The end."))
    assert text.splitlines()[7:11] == [
        "Meetings  89  (12 more)",
        long,
        "    22 minutes",
        "People    1,383",
    ]


async def test_each_report_is_sent_once_by_two_collectors_and_over_restarts(
    store: Store, clock: Clock, mailbox: Mailbox
) -> None:
    settings = _settings(mailbox.port)
    first, second = _sender(store, clock, settings), _sender(store, clock, settings, "second")
    assert [await first.step(), await second.step(), await first.step()] == [True, False, False]
    await first.release()
    clock.now += 3600
    assert [await second.step(), await _sender(store, clock, settings, "third").step()] == [
        False
    ] * 2
    clock.now = _MONDAY + 7 * 86_400
    await second.release()
    assert [await first.step(), await second.step()] == [True, False]
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == len(mailbox.mails) == 2


async def test_a_refused_report_is_tried_again_later_and_abandoned_after_three_days(
    store: Store, clock: Clock
) -> None:
    port = free_port()
    sender = _sender(store, clock, _settings(port))
    assert await sender.step()
    failed = await latest_sending(store.reports)
    assert failed is not None
    assert (failed.state, failed.attempts, failed.due) == ("failed", 1, _MONDAY + 60)
    assert str(port) in failed.error
    clock.now += 30
    assert not await sender.step()
    clock.now += 30
    assert await sender.step()
    later = await latest_sending(store.reports)
    assert later is not None
    assert (later.attempts, later.due) == (2, _MONDAY + 60 + 120)
    clock.now = _MONDAY - 1800 + 3 * 86_400
    assert await sender.step()
    last = await latest_sending(store.reports)
    assert last is not None
    assert last.state == "abandoned"
    clock.now += 7200
    assert not await sender.step()


async def test_the_health_page_shows_why_a_report_was_not_sent(store: Store, clock: Clock) -> None:
    from jmmc.web.site import create_app
    from tests.support.builders import call

    await _sender(store, clock, _settings(free_port())).step()
    app = create_app(Settings.of(secret="x" * 32), store=store)
    answer = await call(app, "GET", "/health", client="127.0.0.1")
    await app.metrics.collector.close()
    assert "The report by e-mail was not sent" in answer.body.decode()


async def test_a_report_may_be_french(store: Store, clock: Clock, mailbox: Mailbox) -> None:
    settings = _settings(mailbox.port, report_language="fr", public_url="")
    await _sender(store, clock, settings).step()
    (mail,) = mailbox.mails
    text = mail.get_payload()[0].get_payload(decode=True).decode()
    assert "rapport de la semaine du 23 mars 2026" in text
    assert "La qualité était bonne\u00a0: 0,0\u00a0% du temps" in text
    assert "http" not in text
    page = mail.get_payload()[1].get_payload(decode=True).decode()
    assert '<html lang="fr">' in page


@pytest.mark.parametrize(
    ("values", "verdict", "words"),
    [
        ({"report_emails": ""}, "fail", "nobody to send it to"),
        ({"report_email_every": "off"}, "warn", "reports are off"),
        ({}, "ok", "weekly to 2 addresses, from 7:00 in Europe/Paris"),
    ],
)
async def test_check_says_whether_the_report_can_be_sent(
    tmp_path: Path, values: dict[str, str], verdict: str, words: str
) -> None:
    settings = _settings(25, store=f"sqlite:///{tmp_path}/calls.db", secret="x" * 32, **values)
    findings = [finding async for finding in inspect(settings)]
    (found,) = [finding for finding in findings if finding.what.startswith("report:")]
    assert (found.verdict, words in found.what) == (verdict, True)


@pytest.mark.parametrize(
    ("seconds", "english", "french"),
    [
        (20, "0.3 affected", "0,3 personnes"),
        (90, "1.5 affected", "1,5 personnes"),
        (630, "11 affected", "11 personnes"),
        (75_000, "1,250 affected", "1\u202f250 personnes"),
    ],
)
async def test_the_minutes_of_an_incident_are_rounded(
    store: Store, clock: Clock, seconds: int, english: str, french: str
) -> None:
    queries = Queries(store, rhythm=RHYTHM, clock=clock)
    bounds = (_at("2026-03-23T00:00"), _at("2026-03-30T00:00"))
    content = await read_content(queries, "week", bounds, _PARIS)
    answer = Answer(Verdict.LIKELY, (Cause("region", "eu", 0.9, 0, 0, 0, 0),))
    affected: Any = (2, 1, 2, seconds, {"loss": seconds}, answer, (), (), ())
    incident = RecordedIncident("1a", bounds[0], bounds[1], False, Grade.POOR, *affected)
    content = content._replace(incidents=[incident])
    for language, expected in (("en", english), ("fr", french)):
        text = as_text(write_report(content, language, _PARIS, "Europe/Paris", ""))
        assert expected in text, text


def test_a_week_has_seven_days() -> None:
    with pytest.raises(SettingsError, match=r"1 \(Monday\) to 7"):
        _settings(25, report_email_day=8)


async def test_the_command_previews_and_sends_a_report(
    store: Store, tmp_path: Path, mailbox: Mailbox
) -> None:
    config = tmp_path / "jmmc.toml"
    config.write_text(
        f'store = "sqlite:///{tmp_path}/calls.db"\nreport_emails = ["board@example.org"]\n'
        f'smtp_url = "smtp://127.0.0.1:{mailbox.port}"\nreport_email_every = "monthly"\n'
    )
    page = tmp_path / "report.html"
    done = jmmc(
        "report", "--config", str(config), "--preview", str(page), "--send", folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "<h1" in page.read_text()
    assert "accepted by 127.0.0.1" in done.stdout
    assert mailbox.mails[0]["Subject"].startswith("Jitsi Meet: report of ")
    nobody = jmmc("report", "--send", folder=tmp_path)
    assert nobody.returncode == 2
    assert "report_emails is empty" in nobody.stderr
