"""`jmmc alerts`: rules, active alerts and channels that fail, as an operator sees them."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from jmmc.alerting.decision import State
from jmmc.alerting.evaluator import PendingDelivery, Record
from jmmc.alerting.notifications import Notification
from jmmc.stores import open_store
from tests.support.commands import jmmc
from tests.support.receivers import SECRET, Mailbox, Receiver

_RULES = [
    {"name": "eu", "kind": "poor_share", "by": "region"},
    {"name": "all", "kind": "poor_share"},
    {"name": "asia", "kind": "poor_share", "by": "region", "value": "ap-south"},
    {"name": "still", "kind": "no_pushes"},
    {"name": "down", "kind": "store_down"},
    {"name": "disk", "kind": "disk_full"},
]
_NOTIFICATION = Notification("1", "firing", "eu", "poor_share", "region", "x", 0, 0, "", {}, "", "")
_NOON = 1_790_078_400  # 22 September 2026, 12:00 UTC


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with two active alerts; the condition of one is clear, with deliveries pending."""

    async def fill() -> None:
        store = open_store(f"sqlite:///{tmp_path}/calls.db")
        await store.open()
        pending = PendingDelivery(_NOTIFICATION, ("email", "webhook 1"), 0, 3)
        for name, record in {
            "one": Record(State("eu", "eu-[west]", _NOON - 60, _NOON, None, {}), ()),
            "two": Record(State("all", "", _NOON, None, _NOON + 60, {}), (pending,)),
        }.items():
            await store.reports.put_record("alert", name, msgspec.json.encode(record))
        await store.close()

    asyncio.run(fill())
    return tmp_path


def test_list_shows_rules_active_alerts_and_pending_deliveries(folder: Path) -> None:
    options = ["--alerts", json.dumps(_RULES), "--store", "sqlite:///calls.db"]
    done = jmmc("alerts", "list", *options, folder=folder)
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[1:] == [
        "eu poor_share eu-[west] firing 2026-09-22 12:00:00 UTC",
        "all poor_share all firing, condition clear 2026-09-22 12:00:00 UTC",
        "asia poor_share ap-south OK",
        "still no_pushes OK",
        "down store_down evaluated by each collector separately",
        "disk disk_full evaluated by each collector separately",
        "2 pending deliveries",
    ]


def test_list_without_rules_says_where_they_are_written(folder: Path) -> None:
    done = jmmc("alerts", "list", "--store", "sqlite:///calls.db", folder=folder)
    assert (
        done.stdout.splitlines()[0] == "No rules: add an [[alerts]] table to the configuration file"
    )


def test_list_reports_an_unusable_store_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_text("not a database\n" * 20)
    done = jmmc("alerts", "list", "--store", "sqlite:///bad.db", folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, "jmmc: bad.db: not an SQLite file, or damaged\n")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.mark.parametrize(
    ("rules", "event"),
    [
        ([], ("alert.test", "example", None)),
        (_RULES[:1], ("alert.test", "eu", "example")),
        (_RULES[1:2], ("alert.test", "all", None)),
    ],
    ids=["no rule", "each region", "everybody"],
)
def test_without_a_name_the_first_rule_is_tested(
    tmp_path: Path, receiver: Receiver, rules: list[object], event: tuple[str, str, str | None]
) -> None:
    key = f"whsec_{b64encode(SECRET.encode()).decode()}"
    options = ["--alerts", json.dumps(rules), "--alert-webhooks", receiver.url]
    options += ["--alert-private-targets", "127.0.0.1"]
    done = jmmc("alerts", "test", *options, "--alert-secret", key, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert receiver.events == [event]


class _SelectiveMailbox(Mailbox):
    """Accepts mail for ann only."""

    async def handle_RCPT(  # noqa: N802 - the name is the library's.
        self, server: object, session: object, envelope: object, address: str, options: object
    ) -> str:
        if not address.startswith("ann@"):
            return "550 not here"
        envelope.rcpt_tos.append(address)  # type: ignore[attr-defined]
        return "250 OK"


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ("ann@example.org", "ok   e-mail to 1 address: accepted by 127.0.0.1"),
        ("ann@example.org,bob@example.org", "refuses 1 addresses"),
        ("bob@example.org", "SMTPRecipientsRefused"),
    ],
)
def test_refused_addresses_are_counted_and_not_shown(
    tmp_path: Path, addresses: str, expected: str
) -> None:
    mailbox = _SelectiveMailbox()
    try:
        options = ["--alert-emails", addresses, "--smtp-url", f"smtp://127.0.0.1:{mailbox.port}"]
        done = jmmc("alerts", "test", *options, folder=tmp_path)
    finally:
        mailbox.close()
    assert expected in done.stdout
    assert "bob" not in done.stdout
    assert done.returncode == (0 if expected.startswith("ok") else 1)
    assert len(mailbox.mails) == ("ann" in addresses)


def test_a_mail_server_without_tls_is_a_failed_delivery(tmp_path: Path) -> None:
    mailbox = Mailbox()
    try:
        for scheme, expected in (
            ("smtps", "WRONG_VERSION_NUMBER"),
            ("smtp+starttls", "NotSupported"),
        ):
            url = f"{scheme}://127.0.0.1:{mailbox.port}"
            options = ["--alert-emails", "ann@example.org", "--smtp-url", url]
            done = jmmc("alerts", "test", *options, folder=tmp_path)
            assert done.returncode == 1
            assert done.stdout.startswith("FAIL e-mail to 1 address: 127.0.0.1:")
            assert expected in done.stdout
    finally:
        mailbox.close()
    assert mailbox.mails == []
