"""Sends each report once, by one of all collectors, and tries again when the mail server refuses.

What was sent is a record in the store. The next attempt is stored before each one: a collector that
is killed while it sends tries again later, with the same Message-ID.
"""

import asyncio
from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from jmmc.alerting.channels import MailServer
from jmmc.alerting.posting import NotDelivered
from jmmc.answers.queries import Queries
from jmmc.core.calendar import Bounds, Period
from jmmc.core.fields import Moment
from jmmc.core.logging import logger
from jmmc.core.repeating import repeat_every
from jmmc.core.timestamps import to_iso, zone_of
from jmmc.reporting.content import read_content
from jmmc.reporting.message import Report, as_email, write_report
from jmmc.reporting.schedule import Due, latest_due
from jmmc.settings import Settings
from jmmc.stores import Lease, Reports, Store

_log = logger(__name__)

_KIND = "report by e-mail"
_LEASE, _LEASE_SECONDS = "reports", 300
_PERIOD = 30.0  # Seconds between two looks.
_FIRST_PAUSE, _LONGEST_PAUSE = 60, 3600  # Seconds until the next attempt.
_GIVE_UP = 3 * 86_400  # Seconds after which a report is too old to be sent.
_KEPT = 24  # Records of reports.

State = Literal["waiting", "sent", "failed", "abandoned"]


class Sending(Struct, frozen=True):
    """How the sending of one report goes; `due` is the next attempt, `sent` when it was accepted.

    `error` is why the last attempt failed, "" if it did not.
    """

    period: Period
    start: Moment
    due: Moment
    attempts: int = 0
    sent: Moment | None = None
    error: str = ""
    abandoned: bool = False

    @property
    def state(self) -> State:
        """How it goes, in a word."""
        if self.sent is not None:
            return "sent"
        if self.abandoned:
            return "abandoned"
        return "failed" if self.error else "waiting"


class ReportSender:
    """Sends the reports of one store. `clock` gives Unix seconds."""

    def __init__(
        self,
        store: Store,
        queries: Queries,
        settings: Callable[[], Settings],
        *,
        holder: str,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._queries = queries
        self._settings = settings
        self._clock = clock
        self._lease = Lease(_LEASE, holder, seconds=_LEASE_SECONDS)

    async def keep_sending(self) -> None:
        """Look every half minute whether a report is due. Never returns."""
        await repeat_every(
            _PERIOD, self.step, failed=lambda error: _log.warning("report_failed", why=error)
        )

    async def release(self) -> None:
        """Let another collector send now. Raises `StoreError`."""
        await self._lease.release(self._store.reports)

    async def step(self) -> bool:
        """Send the report that is due, if it was not sent yet; whether that was tried."""
        settings, now = self._settings(), int(self._clock())
        due = latest_due(settings, now)
        if due is None or not settings.report_emails or now - due.at > _GIVE_UP:
            return False
        reports = self._store.reports
        if not await self._lease.take(reports, now):
            return False
        name = f"{due.period} {to_iso(due.bounds[0])}"
        sending = (await sendings(reports)).get(name)
        sending = sending or Sending(due.period, due.bounds[0], now)
        if sending.sent is not None or sending.due > now:
            return False
        await self._send(settings, due, name, sending, now)
        return True

    async def _send(
        self, settings: Settings, due: Due, name: str, sending: Sending, now: int
    ) -> None:
        pause = min(_FIRST_PAUSE * 2**sending.attempts, _LONGEST_PAUSE)
        sending = replace(sending, due=now + pause, attempts=sending.attempts + 1)
        await self._save(name, sending)
        try:
            report = await make_report(self._queries, settings, due.period, due.bounds)
            how = await deliver(report, settings, name, self._clock())
        except NotDelivered as error:
            last = now + pause - due.at > _GIVE_UP
            _log.warning("report_delivery_failed", report=name, why=error, last=last)
            await self._save(name, replace(sending, error=str(error), abandoned=last))
            return
        _log.info("report_sent", report=name, how=how)
        await self._save(name, replace(sending, sent=int(self._clock()), error=""))

    async def _save(self, name: str, sending: Sending) -> None:
        reports = self._store.reports
        await reports.put_record(_KIND, name, msgspec.json.encode(sending))
        stored = await sendings(reports)
        for old in sorted(stored, key=lambda key: stored[key].start)[:-_KEPT]:
            await reports.delete_record(_KIND, old)


async def sendings(reports: Reports) -> dict[str, Sending]:
    """How the sending of the latest reports went, by name. Raises `StoreError`."""
    records = await reports.records(_KIND)
    return {name: msgspec.json.decode(record, type=Sending) for name, record in records.items()}


async def latest_sending(reports: Reports) -> Sending | None:
    """How the sending of the latest report went; None before the first one."""
    found = (await sendings(reports)).values()
    return max(found, key=lambda sending: sending.start, default=None)


async def make_report(
    queries: Queries, settings: Settings, period: Period, bounds: Bounds
) -> Report:
    """The report of a period, by the settings. Raises `StoreError`."""
    zone = zone_of(settings.time_zone)
    content = await read_content(queries, period, bounds, zone)
    return write_report(
        content, settings.report_language, zone, settings.time_zone, settings.public_url
    )


async def deliver(report: Report, settings: Settings, key: str, now: float) -> str:
    """Send a report over the mail server, and return its answer. Raises `NotDelivered`."""
    server = MailServer(settings.smtp_url, settings.alert_sender)
    message = as_email(report, key)
    return await asyncio.to_thread(server.send, message, settings.report_emails, now)
