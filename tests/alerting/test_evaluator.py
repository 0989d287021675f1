"""Alerts from end to end: real stores, real receivers, simulated calls with known problems."""

import gc
import json
import signal
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.smtp import AuthResult
from starlette.applications import Starlette
from starlette.routing import Mount

from jmmc import MetricsCollector, Settings, StoreError, dashboard
from jmmc.alerting.channels import Email, Webhook
from jmmc.alerting.destinations import Destinations
from jmmc.alerting.evaluator import AlertEvaluator, PendingDelivery, Record, load_records
from jmmc.alerting.posting import NotDelivered
from jmmc.answers.queries import Queries
from jmmc.core.model import Disk
from jmmc.ingest.disk_guard import DiskGuard
from jmmc.maintenance.schedule import rhythm_of, summarizer_of
from jmmc.simulation.scenario import Scenario, SimulatedSession, simulate
from jmmc.stores import Store
from jmmc.stores.mongo.store import MongoStore
from jmmc.stores.spool import SpooledStore
from jmmc.stores.sqlite.store import SqliteStore
from tests.alerting.test_decision import make_test_notification
from tests.support.builders import body, call, push, sample, wire_sample
from tests.support.clock import Clock
from tests.support.commands import jmmc
from tests.support.mongod import Mongod
from tests.support.receivers import SECRET, Mailbox, Receiver
from tests.support.servers import FASTER, Serve, post_push
from tests.support.waiting import wait_until, wait_until_async, wait_until_moved

_LOCAL = Destinations(["127.0.0.1"])
_START = 1_790_000_000 - 1_790_000_000 % 300
_SCENARIO = Scenario(participants=160, rooms=12, minutes=100, seed=5, start=_START)


# PyMongo leaves a socket to the garbage collector when it is closed while it connects.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def driver_garbage() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    mailbox = Mailbox()
    yield mailbox
    mailbox.close()


def _evaluator(
    store: Store,
    clock: Clock,
    rules: Sequence[dict[str, Any]],
    holder: str = "one",
    disk: DiskGuard | None = None,
    **more: Any,
) -> AlertEvaluator:
    settings = Settings.of(
        alerts=rules, alert_secret=SECRET, alert_private_targets="127.0.0.1", **more
    )
    queries = Queries(store, rhythm=rhythm_of(settings), clock=clock)
    return AlertEvaluator(
        queries,
        store,
        settings,
        disk=disk or DiskGuard(store, settings),
        pushes=lambda: 0,
        holder=holder,
        clock=clock,
    )


class Replay:
    """Stores simulated calls as they happen."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._simulated: list[SimulatedSession] = list(simulate(_SCENARIO))
        self._store = store
        self._clock = clock
        self._summarizer = summarizer_of(store, Settings.of(), clock)
        self._until = 0.0

    async def advance(self, now: float) -> None:
        pushes = []
        for session in (simulated.session for simulated in self._simulated):
            new = tuple(sample for sample in session.samples if self._until < sample.ts <= now)
            if new:
                pushes.append(session.as_push(new))
        self._until = self._clock.now = now
        if pushes:
            await self._store.append(pushes)
        while await self._summarizer.step():
            pass


async def test_an_outage_of_a_region_notifies_once_when_it_begins_and_once_when_it_ends(
    store: SqliteStore, receiver: Receiver, mailbox: Mailbox
) -> None:
    receiver.refusals = 2  # The receiver is restarting.
    begins, ends = _SCENARIO.outage_window
    clock = Clock(begins - 600)
    rule = {"name": "region", "kind": "poor_share", "by": "region", "above": 0.3, "participants": 4}
    evaluator = _evaluator(
        store,
        clock,
        [rule, {"name": "all", "kind": "poor_share", "above": 0.5}],
        alert_webhooks=receiver.url,
        alert_emails="ops@example.org",
        smtp_url=f"smtp://127.0.0.1:{mailbox.port}",
        public_url="https://metrics.example.org",
    )
    replay = Replay(store, clock)
    first_seen: dict[str, float] = {}
    for now in range(begins - 600, ends + 1800, 60):
        await replay.advance(now)
        await evaluator.step()
        for kind, *_ in receiver.events:
            first_seen.setdefault(kind, now)
    assert receiver.events == [
        ("alert.firing", "region", "eu-west"),
        ("alert.resolved", "region", "eu-west"),
    ]
    assert receiver.requests == 4
    assert begins < first_seen["alert.firing"] <= ends
    assert ends < first_seen["alert.resolved"] <= ends + 1500
    firing = receiver.taken[0]["data"]
    assert firing["figures"]["poor_share"] > 0.3
    assert firing["link"].startswith("https://metrics.example.org/overview?since=2026-")
    assert firing["link"].endswith("&region=eu-west")
    subjects = [mail["Subject"] for mail in mailbox.mails]
    assert [subject.split(":")[0] for subject in subjects] == [
        "[jmmc firing] region",
        "[jmmc resolved] region",
    ]
    assert firing["summary"] in mailbox.mails[0].get_payload()
    assert firing["link"] in mailbox.mails[0].get_payload()
    assert mailbox.mails[0]["Message-ID"] == f"<{firing['id']}@jmmc.invalid>"
    assert await load_records(store.reports) == {}


async def _store_calls(
    store: Store,
    clock: Clock,
    *,
    grade: int,
    first: int,
    people: int,
    region: str = "eu",
    network: int | None = None,
    summarize: bool = True,
) -> None:
    """Store ten minutes of one quality, until now, of `people` participants of one region."""
    start = int(clock()) - 600
    pushes = []
    for number in range(first, first + people):
        path = {"sr": region, **({"rip": f"{network}.0.113.0"} if network else {})}
        link = {"u": {"bw": 5}, "d": {"pl": 100 - grade}}
        text = json.dumps({"pid": "x", "cq": grade, **link, "t": path})
        samples = tuple(sample(seq, text, ts=start + 30 * seq, full=True) for seq in range(21))
        uid = f"a40bcaa8-8b36-11ec-a8a3-{number:012}"
        pushes.append(push(session=f"{number:024x}", browser_id=uid, samples=samples))
    await store.append(pushes)
    if summarize:
        await _summarize(store, clock)


async def _summarize(store: Store, clock: Clock) -> None:
    async for _ in summarizer_of(store, Settings.of(), clock).rebuild():
        pass


async def _store_attempts(store: Store, clock: Clock, *, region: str, people: int) -> None:
    """Store joins of as many people that failed within the last ten minutes, and as many stays."""
    pushes = []
    for number in range(people):
        for is_stay in (False, True):
            readings = {"t": {"sr": region}, "set": {"join": 900}}
            if not is_stay:
                readings["fail"] = "bridge_down"
            text, ts = json.dumps(readings), int(clock()) - 500 + number
            uid = f"{region}-{number:04}-11ec-a8a3-00000000000{int(is_stay)}"
            samples = (sample(0, text, ts=ts, bye=not is_stay),)
            if is_stay:
                samples = (*samples, sample(1, "{}", ts=ts + 60, bye=True))
            session = f"{hash((region, number, is_stay)) % 2**90:024x}"
            pushes.append(push(session=session, browser_id=uid, samples=samples))
    await store.append(pushes)
    await _summarize(store, clock)


async def test_failed_joins_of_a_region_fire_once_and_resolve_once(
    store: SqliteStore, receiver: Receiver
) -> None:
    clock = Clock(_START)
    await _store_attempts(store, clock, region="eu", people=12)
    await _store_attempts(store, clock, region="us", people=5)
    rule = {"name": "joins", "kind": "failed_joins", "by": "region", "quiet_minutes": 0}
    drops = {"name": "drops", "kind": "drops", "least": 1, "participants": 1}
    evaluator = _evaluator(store, clock, [rule, drops], alert_webhooks=receiver.url)
    for _ in range(3):
        await evaluator.step()
        clock.now += 30
    assert receiver.events == [("alert.firing", "joins", "eu")], "us had ten joins only"
    firing = receiver.taken[0]["data"]
    assert firing["figures"] == {"failed_share": 0.5, "joins": 24, "participants": 12}
    assert "50 % of 24 joins in region eu failed" in firing["summary"]
    clock.now += 600
    await evaluator.step()
    assert receiver.events[1:] == [("alert.resolved", "joins", "eu")]


_BY_REGION: dict[str, Any] = {
    "name": "bad",
    "kind": "poor_share",
    "by": "region",
    "quiet_minutes": 0,
}


async def test_a_browser_that_invents_regions_fires_at_most_20_alerts(
    store: SqliteStore, receiver: Receiver, mailbox: Mailbox
) -> None:
    clock = Clock(_START)
    for number in range(30):
        region = f"x\r\nTo: {number}"
        await _store_calls(
            store, clock, grade=3, first=number, people=1, region=region, summarize=False
        )
    await _summarize(store, clock)
    evaluator = _evaluator(
        store,
        clock,
        [{**_BY_REGION, "participants": 1}],
        alert_webhooks=receiver.url,
        alert_emails="ops@example.org",
        smtp_url=f"smtp://127.0.0.1:{mailbox.port}",
    )
    for _ in range(3):
        await evaluator.step()
    assert len(receiver.taken) == len(mailbox.mails) == 20
    assert all(r"in region x\r\nTo: " in mail["Subject"] for mail in mailbox.mails)
    assert all(mail["To"] == "ops@example.org" for mail in mailbox.mails)


@pytest.mark.parametrize("addresses", [True, False])
async def test_regions_that_one_address_invents_keep_no_place_from_a_real_one(
    store: SqliteStore, receiver: Receiver, addresses: bool
) -> None:
    clock = Clock(_START)
    for region in range(20):
        await _store_calls(
            store,
            clock,
            grade=3,
            first=5 * region,
            people=5,
            region=f"invented {region}",
            network=198 if addresses else None,
            summarize=False,
        )
    await _summarize(store, clock)
    evaluator = _evaluator(store, clock, [_BY_REGION], alert_webhooks=receiver.url)
    for _ in range(2):
        await evaluator.step()
    assert len(receiver.events) == 20
    await _store_calls(
        store,
        clock,
        grade=3,
        first=1000,
        people=60,
        region="eu-west",
        network=203 if addresses else None,
    )
    for _ in range(2):
        await evaluator.step()
    assert receiver.events[20:] == [("alert.firing", "bad", "eu-west")]


async def test_of_several_collectors_on_one_database_one_notifies(
    mongod: Mongod, tmp_path: Path, receiver: Receiver
) -> None:
    clock = Clock(_START)
    stores = [MongoStore(url=mongod.url, name=tmp_path.name) for _ in range(2)]
    evaluators = []
    for number, store in enumerate(stores):
        await store.open()
        hooks = {"alert_webhooks": receiver.url}
        evaluators.append(_evaluator(store, clock, [_BY_REGION], holder=str(number), **hooks))
    await _store_calls(stores[0], clock, grade=3, first=0, people=6)
    for number in (0, 1, 1, 0, 1):
        await evaluators[number].step()
        clock.now += 1
    assert receiver.events == [("alert.firing", "bad", "eu")]
    clock.now += 121  # The first one has died, and its lease runs out.
    await _store_calls(stores[1], clock, grade=100, first=50, people=60)
    await evaluators[1].step()
    assert receiver.events[1:] == [("alert.resolved", "bad", "eu")]
    for store in stores:
        await store.close()


async def test_a_failed_delivery_is_retried_after_a_restart_and_abandoned_after_six_hours(
    store: SqliteStore, receiver: Receiver
) -> None:
    clock = Clock(_START)
    await _store_calls(store, clock, grade=3, first=0, people=6)
    receiver.refusals = 3
    await _evaluator(store, clock, [_BY_REGION], alert_webhooks=receiver.url).step()
    assert (receiver.events, receiver.requests) == ([], 3)

    after = _evaluator(store, clock, [_BY_REGION], alert_webhooks=receiver.url)
    await after.step()
    assert receiver.requests == 3, "too early"
    clock.now += 31
    await after.step()
    assert receiver.events == [("alert.firing", "bad", "eu")]
    clock.now += 31
    await after.step()
    assert receiver.requests == 4

    receiver.refusals = 10**6
    await _store_calls(store, clock, grade=100, first=50, people=60)
    await after.step()
    assert receiver.requests == 7
    clock.now += 6 * 3600
    await after.step()
    assert receiver.requests == 10
    assert await load_records(store.reports) == {}, "it is abandoned"


def test_a_stored_record_has_the_field_names_that_other_versions_read() -> None:
    delivery = PendingDelivery(make_test_notification(), ("email",), due=7, attempts=2)
    stored = json.loads(msgspec.json.encode(Record(None, (delivery,))))
    assert list(stored) == ["state", "owed"]
    assert list(stored["owed"][0]) == ["notice", "channels", "due", "tries"]
    assert stored["owed"][0]["notice"]["told"] == "firing"


async def test_the_records_of_a_removed_rule_are_deleted(
    store: SqliteStore, receiver: Receiver
) -> None:
    clock = Clock(_START)
    await _store_calls(store, clock, grade=3, first=0, people=6)
    evaluator = _evaluator(store, clock, [_BY_REGION], alert_webhooks=receiver.url)
    await evaluator.step()
    evaluator.follow(
        Settings.of(
            alert_webhooks=receiver.url, alert_secret=SECRET, alert_private_targets="127.0.0.1"
        )
    )
    await evaluator.step()
    assert await load_records(store.reports) == {}
    assert [event[0] for event in receiver.events] == ["alert.firing"]


async def test_no_pushes_fires_when_many_fall_silent_at_once_and_not_when_they_leave(
    store: SqliteStore, receiver: Receiver
) -> None:
    clock = Clock(_START)
    rules = [{"name": "silent", "kind": "no_pushes", "quiet_minutes": 0}]
    evaluator = _evaluator(store, clock, rules, alert_webhooks=receiver.url)
    await _store_calls(store, clock, grade=100, first=0, people=6)
    steps = []
    for _ in range(8):
        clock.now += 60
        await evaluator.step()
        steps.append(len(receiver.events))
    assert steps == [0, 0, 0, 0, 1, 1, 1, 1]
    clock.now += 7200  # Nobody came back in the night: the alert does not resolve.
    await evaluator.step()
    assert len(receiver.events) == 1
    await _store_calls(store, clock, grade=100, first=50, people=1)
    await evaluator.step()
    assert receiver.events[1:] == [("alert.resolved", "silent", None)]

    leaving = sample(21, '{"cq":100}', ts=int(clock()), bye=True)
    await store.append(
        [
            push(
                session=f"{50:024x}",
                browser_id=f"a40bcaa8-8b36-11ec-a8a3-{50:012}",
                samples=(leaving,),
            )
        ]
    )
    for _ in range(10):
        clock.now += 60
        await evaluator.step()
    assert len(receiver.events) == 2


async def test_store_down_fires_without_the_store(tmp_path: Path, receiver: Receiver) -> None:
    server = Mongod(tmp_path / "mongod")
    mongo = MongoStore(url=server.url, name="calls", timeout=0.3)
    store = SpooledStore(mongo, tmp_path / "spool", limit=2**30, pause=0.05)
    await store.open()
    clock = Clock(_START)
    rules = [{"name": "store", "kind": "store_down", "quiet_minutes": 0}]
    evaluator = _evaluator(store, clock, rules, alert_webhooks=receiver.url)
    for _ in range(5):
        with suppress(StoreError):
            await evaluator.step()
        clock.now += 30
    assert receiver.events == [("alert.firing", "store", None)]
    server.start()
    await wait_until_moved(store)
    await evaluator.step()
    assert receiver.events[1:] == [("alert.resolved", "store", None)]
    await store.close()
    server.stop()


def _measuring(free: list[int]) -> Callable[[], Awaitable[list[Disk]]]:
    async def measure() -> list[Disk]:
        return [Disk("/calls", free[0])]

    return measure


async def test_disk_full_fires_a_day_ahead_and_resolves_when_the_growth_has_ended(
    store: SqliteStore, receiver: Receiver
) -> None:
    clock = Clock(_START)
    free = [100 * 2**30]
    disk = DiskGuard(store, Settings.of(), monotonic=lambda: clock.now, measure=_measuring(free))
    rules = [{"name": "disk", "kind": "disk_full", "quiet_minutes": 5}]
    evaluator = _evaluator(store, clock, rules, disk=disk, alert_webhooks=receiver.url)

    async def pass_hours(hours: float, growth: int) -> None:
        for _ in range(int(hours * 60)):
            clock.now += 60
            free[0] -= growth // 60
            await disk.look()
            await evaluator.step()

    await pass_hours(3, 2**30)
    assert receiver.events == [], "97 hours are left"
    await pass_hours(6, 6 * 2**30)
    assert receiver.events == [("alert.firing", "disk", None)]
    summary = receiver.taken[0]["data"]["summary"]
    assert summary.startswith("the disk of the store will be full in ")
    (active,) = await evaluator.firing()
    assert active.figures["seconds_until_full"] < 24 * 3600
    await pass_hours(2, 0)
    assert receiver.events[1:] == [("alert.resolved", "disk", None)]


async def test_disk_full_fires_below_the_floor_without_a_forecast(
    store: SqliteStore, receiver: Receiver
) -> None:
    clock = Clock(_START)
    free = [200 * 2**20]
    disk = DiskGuard(store, Settings.of(), measure=_measuring(free))
    await disk.look()
    rules = [
        {"name": "disk", "kind": "disk_full", "quiet_minutes": 0},
        {"name": "store", "kind": "store_down", "minutes": 0, "quiet_minutes": 0},
    ]
    evaluator = _evaluator(store, clock, rules, disk=disk, alert_webhooks=receiver.url)
    await evaluator.step()
    assert receiver.events == [("alert.firing", "disk", None)]
    free[0] = 20 * 2**20
    await disk.look()
    await evaluator.step()
    assert receiver.events[1:] == [("alert.firing", "store", None)], "no push can be stored"
    free[0] = 2**30
    await disk.look()
    await evaluator.step()
    assert sorted(receiver.events[2:]) == [
        ("alert.resolved", "disk", None),
        ("alert.resolved", "store", None),
    ]


async def test_a_mounted_collector_notifies_and_its_health_page_lists_the_alert(
    store: SqliteStore, receiver: Receiver
) -> None:
    await _store_calls(store, Clock(time.time()), grade=3, first=0, people=6)
    metrics = MetricsCollector(
        store=store,
        secret="x",
        alerts=[_BY_REGION],
        alert_webhooks=receiver.url,
        alert_secret=SECRET,
        alert_private_targets="127.0.0.1",
    )
    app = Starlette(routes=[Mount("/metrics", metrics), Mount("/calls", dashboard(metrics))])
    await call(app, "GET", "/metrics/readyz")
    await wait_until_async(lambda: receiver.taken)
    answer = await call(app, "GET", "/calls/api/v1/alerts", client="127.0.0.1")
    assert [(item["rule"], item["subject"], item["well_since"]) for item in answer.json] == [
        ("bad", "eu", None)
    ]
    page = await call(app, "GET", "/calls/health", client="127.0.0.1")
    assert b'<span class="grade poor">bad</span></td><td>eu</td>' in page.body
    await metrics.close()


def test_a_killed_collector_neither_repeats_nor_loses_a_notification(
    tmp_path: Path, receiver: Receiver
) -> None:
    file = tmp_path / "jmmc.toml"
    file.write_text(
        f'alert_webhooks = ["{receiver.url}"]\nalert_secret = "{SECRET}"\n'
        'alert_private_targets = ["127.0.0.1"]\n'
        '[[alerts]]\nname = "bad"\nkind = "poor_share"\nquiet_minutes = 0\n'
    )
    serve = Serve(tmp_path, "--config", str(file), code=FASTER)
    try:
        _push_calls(serve, quality=3, people=range(6))
        wait_until(lambda: receiver.taken, serve.log.read_text)
        listed = jmmc("alerts", "list", "--config", str(file), "--store", serve.store)
        assert "firing" in listed.stdout
        serve.stop(signal.SIGKILL)
        serve.start()
        _push_calls(serve, quality=100, people=range(50, 110))
        wait_until(lambda: len(receiver.taken) > 1, serve.log.read_text)
    finally:
        assert serve.stop() == 0
    assert receiver.events == [("alert.firing", "bad", None), ("alert.resolved", "bad", None)]
    assert receiver.requests == 2
    assert "hush" not in serve.log.read_text()


def _push_calls(serve: Serve, *, quality: int, people: range) -> None:
    """Push ten minutes until now of each participant, as browsers do after an outage."""
    for number in people:
        readings = {"pid": "x", "cq": quality, "u": {"bw": 5}, "d": {"pl": 100 - quality}}
        samples = [wire_sample(seq, readings, age=600 - 30 * seq) for seq in range(21)]
        uid = f"a40bcaa8-8b36-11ec-a8a3-{number:012}"
        post_push(serve.url, body(*samples, sid=f"{number:032x}", uid=uid))


def test_a_test_notification_goes_over_every_channel_and_prints_each_result(
    receiver: Receiver, mailbox: Mailbox
) -> None:
    rules = [{"name": "eu", "kind": "poor_share", "by": "region", "value": "eu-west"}]
    options = ["--alerts", json.dumps(rules), "--alert-secret", SECRET]
    options += ["--alert-webhooks", f"{receiver.url},http://127.0.0.1:1/hush"]
    options += ["--alert-private-targets", "127.0.0.1"]
    options += ["--alert-emails", "a@example.org,b@example.org"]
    options += ["--smtp-url", f"smtp://127.0.0.1:{mailbox.port}"]
    done = jmmc("alerts", "test", "eu", *options)
    assert done.stdout.splitlines() == [
        f"ok   {receiver.url.partition('/hook')[0]}: answers 204",
        "FAIL http://127.0.0.1:1: no connection",
        "ok   e-mail to 2 addresses: accepted by 127.0.0.1",
    ]
    assert done.returncode == 1
    assert receiver.events == [("alert.test", "eu", "eu-west")]
    assert receiver.taken[0]["data"]["summary"].startswith("Test, nothing is wrong: ")
    assert mailbox.mails[0]["Subject"].startswith("[jmmc test] eu: Test, nothing is wrong: ")
    assert mailbox.mails[0]["To"] == "a@example.org, b@example.org"

    assert jmmc("alerts", "test").stderr == (
        "jmmc: no channel to test: alert_webhooks, alert_services and alert_emails are empty\n"
    )
    unknown = jmmc("alerts", "test", "us", *options)
    assert (unknown.returncode, unknown.stderr) == (2, "jmmc: there is no rule 'us'; known: eu\n")


def test_mail_is_sent_with_encryption_and_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def authenticate(_: Any, __: Any, ___: Any, method: str, given: Any) -> AuthResult:
        known = (given.login, given.password) == (b"jmmc", b"p@ss word")
        return AuthResult(success=known, handled=False)

    mailbox = Mailbox(
        tls_context=context, require_starttls=True, auth_required=True, authenticator=authenticate
    )
    try:
        url = f"smtp+starttls://jmmc:p%40ss%20word@localhost:{mailbox.port}"
        with pytest.raises(NotDelivered, match="certificate"):
            Email(url, "jmmc@example.org", ("ops@example.org",)).send(
                make_test_notification(), 1000
            )
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        Email(url, "jmmc@example.org", ("ops@example.org",)).send(make_test_notification(), 1000)
        assert mailbox.mails[0]["From"] == "jmmc@example.org"
        wrong = url.replace("p%40ss%20word", "hush")
        with pytest.raises(NotDelivered, match="SMTPAuthenticationError 535"):
            Email(wrong, "", ("ops@example.org",)).send(make_test_notification(), 1000)
    finally:
        mailbox.close()
    assert len(mailbox.mails) == 1


def test_a_webhook_that_answers_401_is_not_retried_and_a_redirect_is_not_followed(
    receiver: Receiver,
) -> None:
    with pytest.raises(NotDelivered, match="answers 401"):
        Webhook(receiver.url, "another secret", _LOCAL).send(make_test_notification(), 1000)
    assert receiver.requests == 1, "401 is not retried"
    receiver.redirects = True
    with pytest.raises(NotDelivered, match="answers 307"):
        Webhook(receiver.url, SECRET, _LOCAL).send(make_test_notification(), 1000)
    assert receiver.requests == 2
