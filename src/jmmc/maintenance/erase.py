"""Erases a participant or a room everywhere, for good.

First a receipt is stored: collectors read the receipts every two seconds and drop samples older
than them. Then sessions are deleted, then their summaries and names. What was in flight meanwhile
is deleted in a further pass, until a pass finds nothing. An interrupted erasure is finished by
doing it again.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable

from msgspec.structs import replace

from jmmc.core.model import SessionFilter
from jmmc.maintenance.summarizer import Summarizer, hours_of
from jmmc.privacy.receipts import Erasure, Subject, SubjectKind, digest_of
from jmmc.quality.filters import SummaryFilter
from jmmc.stores import Store
from jmmc.stores.erasure_receipts import erasure_key, erasures, put_erasure

SETTLE = 5.0
"""Seconds between two passes: collectors read a receipt within two, a batch takes one."""

_SUMMARIES = 200  # At a time


async def forget(
    store: Store,
    subject: Subject,
    summarizer: Summarizer,
    *,
    clock: Callable[[], float],
    settle: float = SETTLE,
) -> AsyncIterator[Erasure]:
    """Erase everything about `subject` up to now; yield its progress, last the finished receipt.

    Continues an interrupted erasure of the same subject. Raises `StoreError`.
    """
    reports = store.reports
    digest = digest_of(subject, await erasure_key(reports))
    unfinished = [
        erasure
        for erasure in await erasures(reports)
        if erasure.subject == digest and erasure.finished is None
    ]
    until = int(clock())
    if unfinished:
        receipt = replace(unfinished[0], until=until)
    else:
        receipt = Erasure(secrets.token_hex(8), subject.kind, digest, until)
    await put_erasure(reports, receipt)
    hours: set[int] = set()
    first = True
    while True:
        before = receipt
        async for step in _pass(store, subject, before, summarizer, hours):
            receipt = step
            yield receipt
        if not first and receipt == before:
            break
        first = False
        await asyncio.sleep(settle)
    # Once more: rollups of these hours may have been made while their summaries were deleted.
    await summarizer.note(hours)
    receipt = replace(receipt, hours=receipt.hours + await summarizer.roll_up())
    await store.wipe_deleted()
    receipt = replace(receipt, finished=int(clock()))
    await put_erasure(reports, receipt)
    yield receipt


async def _pass(
    store: Store, subject: Subject, receipt: Erasure, summarizer: Summarizer, hours: set[int]
) -> AsyncIterator[Erasure]:
    reports = store.reports
    sessions = selection(subject, receipt.until + 1)
    while any(erased := await store.erase(sessions)):
        receipt = replace(
            receipt,
            sessions=receipt.sessions + erased.sessions,
            samples=receipt.samples + erased.samples,
        )
        await put_erasure(reports, receipt)
        yield receipt
    summary_filter = SummaryFilter(
        until=sessions.until, room=sessions.room, browser_id=sessions.browser_id
    )
    while summaries := await reports.summaries(summary_filter, limit=_SUMMARIES):
        touched = {hour for summary in summaries for hour in hours_of(summary)}
        await summarizer.note(touched)
        hours |= touched
        names = await reports.erase(summaries)
        receipt = replace(
            receipt, summaries=receipt.summaries + len(summaries), names=receipt.names + names
        )
        await put_erasure(reports, receipt)
        yield receipt


def selection(subject: Subject, until: int | None = None) -> SessionFilter:
    """The sessions of a subject that began before `until`."""
    if subject.kind is SubjectKind.PARTICIPANT:
        return SessionFilter(browser_id=subject.name, until=until)
    return SessionFilter(room=subject.name, until=until)
