"""Erases a participant or a room everywhere, for good.

First a receipt is stored: collectors read the receipts every two seconds and drop samples older
than them. Then sessions are deleted, then their summaries and names. What was in flight meanwhile
is deleted in a further pass, until a pass finds nothing. An interrupted erasure is finished by
doing it again.

What is stored with a time in the future, because a clock was or is wrong, is deleted once, at the
beginning: later it might be a new start of the participant. Rollups and incidents of its time are
made anew at the end.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable

from msgspec.structs import replace

from jmmc.core.model import SessionFilter
from jmmc.maintenance.summarizer import Summarizer
from jmmc.privacy.receipts import Erasure, Subject, SubjectKind, digest_of
from jmmc.quality.filters import SummaryFilter
from jmmc.quality.rollup_hours import hours_of
from jmmc.stores import CLOCK_SKEW, Store
from jmmc.stores.erasure_receipts import erasure_key, erasures, put_erasure

SETTLE = 5.0
"""Seconds between two passes: collectors read a receipt within two, a batch takes one."""

_SUMMARIES = 200  # At a time
_MOST_PASSES = 20  # By a clock that is ahead, new sessions of the participant are found for ever.


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
    future = selection(subject, since=receipt.until + 1 + CLOCK_SKEW)
    async for step in _pass(store, future, receipt, summarizer, hours):
        receipt = step
        yield receipt
    past = selection(subject, until=receipt.until + 1)
    for number in range(_MOST_PASSES):
        before = receipt
        async for step in _pass(store, past, before, summarizer, hours):
            receipt = step
            yield receipt
        if number and receipt == before:
            break
        await asyncio.sleep(settle)
    # Once more: rollups of these hours may have been made while their summaries were deleted.
    await summarizer.rollups.note(hours)
    await summarizer.incidents.note_erased(hours)
    receipt = replace(receipt, hours=receipt.hours + await summarizer.rollups.roll_up())
    async for _ in summarizer.incidents.find_noted():
        yield receipt
    await store.wipe_deleted()
    receipt = replace(receipt, finished=int(clock()))
    await put_erasure(reports, receipt)
    yield receipt


async def count_stored(store: Store, subject: Subject) -> tuple[int, int]:
    """How many sessions and how many summaries of a subject are stored. Raises `StoreError`."""
    sessions = selection(subject)
    summaries = await store.reports.facts(("session",), _summaries_of(sessions))
    return await store.count(sessions), len(summaries)


async def _pass(
    store: Store,
    sessions: SessionFilter,
    receipt: Erasure,
    summarizer: Summarizer,
    hours: set[int],
) -> AsyncIterator[Erasure]:
    reports = store.reports
    while any(erased := await store.erase(sessions)):
        receipt = replace(
            receipt,
            sessions=receipt.sessions + erased.sessions,
            samples=receipt.samples + erased.samples,
        )
        await put_erasure(reports, receipt)
        yield receipt
    while summaries := await reports.summaries(_summaries_of(sessions), limit=_SUMMARIES):
        touched = {hour for summary in summaries for hour in hours_of(summary)}
        await summarizer.rollups.note(touched)
        await summarizer.incidents.note_erased(touched)
        hours |= touched
        names = await reports.erase(summaries)
        receipt = replace(
            receipt, summaries=receipt.summaries + len(summaries), names=receipt.names + names
        )
        await put_erasure(reports, receipt)
        yield receipt


def _summaries_of(sessions: SessionFilter) -> SummaryFilter:
    return SummaryFilter(
        since=sessions.since,
        until=sessions.until,
        room=sessions.room,
        browser_id=sessions.browser_id,
        attempts=None,
    )


def selection(
    subject: Subject, *, since: int | None = None, until: int | None = None
) -> SessionFilter:
    """The sessions of a subject that began from `since` to before `until`."""
    if subject.kind is SubjectKind.PARTICIPANT:
        return SessionFilter(browser_id=subject.name, since=since, until=until)
    return SessionFilter(room=subject.name, since=since, until=until)
