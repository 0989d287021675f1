"""Erasing a person or a conference: from every place, for good, and without coming back.

First a receipt is kept: collectors read it every two seconds and refuse what is older than it.
Then sessions are deleted, then what was made of them. What was on its way meanwhile is deleted in
a further pass, until one finds nothing. Whatever is broken off is finished by doing it again.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable

from msgspec.structs import replace

from jmmc.core.model import SessionFilter
from jmmc.maintenance.summarizer import Summarizer, hours_of
from jmmc.privacy.receipts import Erasure, Subject, SubjectKind, digest_of
from jmmc.quality.summary import SummaryFilter
from jmmc.stores import Store
from jmmc.stores.erasure_receipts import erasure_key, erasures, put_erasure

SETTLE = 5.0
"""Seconds between two passes: collectors learn of an erasure within two, a batch takes one."""

_SUMMARIES = 200  # At a time


async def forget(
    store: Store,
    subject: Subject,
    summarizer: Summarizer,
    *,
    clock: Callable[[], float],
    settle: float = SETTLE,
) -> AsyncIterator[Erasure]:
    """Erase everything about `subject` up to now; tells how far it is, and ends with the receipt.

    An erasure of the same subject that was broken off is gone on with. Raises `StoreError`.
    """
    reports = store.reports
    digest = digest_of(subject, await erasure_key(reports))
    begun = [
        erasure
        for erasure in await erasures(reports)
        if erasure.subject == digest and erasure.finished is None
    ]
    until = int(clock())
    if begun:
        receipt = replace(begun[0], until=until)
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
    # Once more: sums of these hours may have been under way while their summaries were deleted.
    await summarizer.note(hours)
    receipt = replace(receipt, hours=receipt.hours + await summarizer.roll_up())
    await store.scrub()
    receipt = replace(receipt, finished=int(clock()))
    await put_erasure(reports, receipt)
    yield receipt


async def _pass(
    store: Store, subject: Subject, receipt: Erasure, summarizer: Summarizer, hours: set[int]
) -> AsyncIterator[Erasure]:
    reports = store.reports
    wanted = selection(subject, receipt.until + 1)
    while any(gone := await store.erase(wanted)):
        receipt = replace(
            receipt,
            sessions=receipt.sessions + gone.sessions,
            samples=receipt.samples + gone.samples,
        )
        await put_erasure(reports, receipt)
        yield receipt
    summary_filter = SummaryFilter(
        until=wanted.until, room=wanted.room, browser_id=wanted.browser_id
    )
    while found := await reports.summaries(summary_filter, limit=_SUMMARIES):
        touched = {hour for row in found for hour in hours_of(row)}
        await summarizer.note(touched)
        hours |= touched
        names = await reports.erase(found)
        receipt = replace(
            receipt, summaries=receipt.summaries + len(found), names=receipt.names + names
        )
        await put_erasure(reports, receipt)
        yield receipt


def selection(subject: Subject, until: int | None = None) -> SessionFilter:
    """The sessions of a subject that began before `until`."""
    if subject.kind is SubjectKind.PARTICIPANT:
        return SessionFilter(browser_id=subject.name, until=until)
    return SessionFilter(room=subject.name, until=until)
