"""The collector: what becomes of a push.

The path of a push: a door hands over the body and what it knows of the sender. `Throttle` may
turn the sender away. `Codec` makes the bytes an `Envelope`, naming the readings that it dropped.
`admit` judges uid, conf and sid, places the samples in time, and makes it a `Push`. The `Writer`
commits that together with all that arrived meanwhile; only then is there an `Accepted`. Wherever
the path ends early, a `Rejected` leaves it. Each push is counted exactly once, here.
"""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from jmmc.alerting.evaluator import AlertEvaluator, keep_evaluating
from jmmc.alerting.rules import State
from jmmc.answers.queries import Queries
from jmmc.core.errors import Rejected, StoreError
from jmmc.core.logging import logger
from jmmc.core.model import Condition, Dialect, Push, Receipt, Refusal, Sample
from jmmc.core.tasks import stop
from jmmc.ingest.counters import ANCESTOR, Counters
from jmmc.ingest.geo import NetworkNames
from jmmc.ingest.writer import Writer
from jmmc.maintenance.erase import forget
from jmmc.maintenance.schedule import Maintenance, lifetime_of, summarizer_of
from jmmc.maintenance.time_totals import TimeTotals
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.privacy.receipts import Erasure, ErasureFilter, Subject
from jmmc.protocol.addresses import Address, Proxies, stored_form, throttle_key, truncated
from jmmc.protocol.admission import Policy, admit
from jmmc.protocol.identity import COOKIE, CookieSigner, is_session_id
from jmmc.protocol.rate_limit import Throttle
from jmmc.protocol.useragent import browser_and_system
from jmmc.protocol.wire import Answer, Codec, add_server_readings
from jmmc.settings import Change, Settings, changed
from jmmc.stores import Store
from jmmc.stores.erasure_receipts import forgotten

_log = logger(__name__)

_LOOK = 5.0  # Seconds between two looks at whether a rule fires.


class Sender(Protocol):
    """What a door knows of who sent a push: the connection's other end, and three headers."""

    @property
    def peer(self) -> str | None:
        """Address of the other end of the connection."""

    @property
    def forwarded_for(self) -> str | None:
        """X-Forwarded-For, whoever wrote it."""

    @property
    def user_agent(self) -> str | None:
        """User-Agent."""

    @property
    def cookie(self) -> str | None:
        """Cookie, as it came."""


class Accepted(NamedTuple):
    """A push that is on stable storage.

    `cookie` is the signed value by which a v1 browser will name the session that it opened.
    """

    answer: Answer
    cookie: str | None = None


def new_session_id(now: float) -> str:
    """A random session id that begins with its second, as an ObjectId does."""
    return int(now).to_bytes(4, "big").hex() + os.urandom(8).hex()


class Collector:
    """Receives pushes and answers once they are stored.

    `secret` signs the cookie of v1. `clock` gives Unix seconds, `new_id` a session id. `leaving`
    is set when the server has been told to stop: answers without an end are to end then.
    Raises `SettingsError` for a database of network names that cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        secret: str,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[float], str] = new_session_id,
    ) -> None:
        self.settings = settings
        self.store = store
        self.counters = Counters()
        self.time_totals = TimeTotals(settings.authorized_regions, lifetime=lifetime_of(settings))
        self.began = clock()
        self.leaving = False
        self._clock = clock
        self._new_id = new_id
        self.pseudonyms = Pseudonyms(settings.pseudonyms, settings.pseudonym_key or secret)
        self._names = NetworkNames(
            asn_database=settings.asn_database, country_database=settings.country_database
        )
        self._follow(settings)
        self._followers: list[Callable[[Settings], None]] = []
        self._signer = CookieSigner(secret)
        self._forgotten = ErasureFilter()
        self._writer: Writer | None = None
        self._chores: Maintenance | None = None
        self._watching: asyncio.Task[None] | None = None
        queries = Queries(store, lifetime=lifetime_of(settings), clock=clock)
        self._watch = AlertEvaluator(
            queries,
            store,
            settings,
            pushes=lambda: self.counters.accepted + self.counters.trimmed,
            holder=os.urandom(8).hex(),
            clock=clock,
        )
        self.tell(self._watch.follow)

    def adopt(self, settings: Settings) -> Change:
        """Go by other settings from the next push on, where that needs no restart.

        To be called in the event loop: no push sees half of a change.
        """
        change = changed(self.settings, settings)
        if change.applied:
            self.settings = change.settings
            for follow in (self._follow, *self._followers):
                follow(change.settings)
        return change

    def tell(self, follower: Callable[[Settings], None]) -> None:
        """Tell `follower` now, and whenever other settings were adopted."""
        self._followers.append(follower)
        follower(self.settings)

    async def open(self) -> Writer:
        """Open the store and start the writer. Free when done already."""
        if self._writer is None or not self._writer.alive:
            await self.store.open()
            with suppress(StoreError):  # Away: what is spooled meanwhile is trimmed later.
                await self.learn_erasures()
        # Another request may have come this far while the store was opening.
        if self._writer is None or not self._writer.alive:
            self._writer = Writer(self.store, self.counters, limit=self.settings.queue_limit)
            self._chores = Maintenance(
                self.store,
                self.settings,
                self._clock,
                self.counters,
                self.time_totals,
                self.learn_erasures,
            )
            watching = keep_evaluating(self._watch, pause=_LOOK)
            self._watching = asyncio.create_task(watching, name="jmmc-alerts")
        return self._writer

    async def close(self) -> None:
        """Commit what waits, answer it, and close the store."""
        writer, self._writer = self._writer, None
        chores, self._chores = self._chores, None
        watching, self._watching = self._watching, None
        if writer is not None and writer.alive:
            await writer.close()
            if chores is not None:
                await chores.close()
            if watching is not None:
                await stop(watching)
        await self.store.close()

    @property
    def waiting(self) -> int:
        """Pushes that wait for their commit."""
        return 0 if self._writer is None else self._writer.waiting

    async def receive(self, body: bytes, sender: Sender) -> Accepted:
        """Store one push. Raises `Rejected`; what it raises for was not stored."""
        try:
            dropped, push = self._admit(body, sender)
            if self._forgotten:
                kept = self._forgotten.trimmed(push)
                if kept is None:
                    self.counters.accepted += 1
                    receipt = Receipt(push.samples[-1].seq, hole=True)
                    return self._confirm(push, receipt, dropped, crowded=False)
                push = kept
            writer = self._writer
            if writer is None or not writer.alive:
                writer = await self._reopen()
            crowded = writer.waiting > self.settings.queue_limit // 2
            accepted = self._confirm(push, await writer.commit(push), dropped, crowded)
        except Rejected as rejected:
            self.reject(rejected)
            raise
        if dropped:
            self.counters.trimmed += 1
        else:
            self.counters.accepted += 1
        return accepted

    def reject(self, rejected: Rejected) -> None:
        """Count a refusal; also for doors that refuse a body before it is whole."""
        self.counters.reject(rejected.reason)

    async def holds(self, session: str) -> bool:
        """Whether the session is stored. Raises `ValueError` when the id is not 24 hex digits."""
        if not is_session_id(session):
            raise ValueError("expected 24 hex digits")
        await self.open()
        return await self.store.holds(session.lower())

    async def learn_erasures(self) -> None:
        """Read what may not be stored any more: browsers may still hold samples of before."""
        self._forgotten = await forgotten(self.store.reports)

    async def forget(self, subject: Subject) -> Erasure:
        """Erase everything about somebody, and return the receipt. Raises `StoreError`."""
        await self.open()
        summarizer = summarizer_of(self.store, self.settings, self._clock)
        async for receipt in forget(self.store, subject, summarizer, clock=self._clock):
            if not receipt.finished:
                await self.learn_erasures()
        return receipt

    async def firing(self) -> list[State]:
        """The alarms that are on."""
        return await self._watch.firing()

    async def check(self) -> Condition:
        """Return when the store can take a write now, else raise `StoreError`."""
        await self.open()
        return await self.store.check()

    def _follow(self, settings: Settings) -> None:
        self._codec = Codec(regions=settings.authorized_regions, addresses=settings.ip)
        self._policy = Policy(settings.conf_pattern, self.pseudonyms)
        self._proxies = Proxies(settings.trusted_proxies)
        self._throttle = Throttle(settings.max_pushes_per_minute)

    def _admit(self, body: bytes, sender: Sender) -> tuple[list[str], Push]:
        now = self._clock()
        address = self._proxies.client(sender.peer, sender.forwarded_for)
        if address is not None and (wait := self._throttle.wait(throttle_key(address), now)):
            detail = "this address sends too much"
            raise Rejected("throttled", detail, retry_after=int(wait) + 1)
        envelope = self._codec.decode(body)
        push, clamped = admit(envelope, self._policy, now)
        self.counters.clamped_ages += clamped
        if push.dialect is Dialect.V1:
            push = replace(push, session=self._v1_session(push, sender, now))
        if (
            any(sample.full or sample.seq == 0 for sample in push.samples)
            or not push.samples[0].seq
        ):
            samples = tuple(
                self._completed(sample, push, sender, address) for sample in push.samples
            )
            push = replace(push, samples=samples)
            if push.dialect is Dialect.V1:
                if push.opens:
                    self.counters.begin(ANCESTOR)
            elif samples[0].seq == 0:
                self.counters.begin(envelope.script)
        return envelope.dropped, push

    def _v1_session(self, push: Push, sender: Sender, now: float) -> str:
        if push.opens:
            return self._new_id(now)
        session = self._signer.read(sender.cookie) if sender.cookie else None
        if session is None:
            raise Rejected("no_session", f"no valid {COOKIE} cookie")
        return session

    def _completed(
        self, sample: Sample, push: Push, sender: Sender, address: Address | None
    ) -> Sample:
        """With what only we know, wherever everything is said: at the start, and when full."""
        opens = push.opens if sample.seq is None else sample.seq == 0
        if not (opens or sample.full):
            return sample
        browser, system = browser_and_system(sender.user_agent)
        seen = None
        if address is not None and self.settings.ip != "none":
            seen = stored_form(address)
            if self.settings.ip == "truncated":
                seen = truncated(seen)
        readings = add_server_readings(
            sample.readings,
            address=seen,
            browser=browser,
            system=system,
            provider=None if address is None else self._names.provider(address),
            country=None if address is None else self._names.country(address),
        )
        return replace(sample, readings=readings)

    def _confirm(
        self, push: Push, receipt: Receipt | Refusal, dropped: list[str], crowded: bool
    ) -> Accepted:
        v1 = push.dialect is Dialect.V1
        if isinstance(receipt, Refusal):
            raise Rejected("no_session" if v1 else "bad_sid", receipt.value)
        if not v1:
            wish = 2 * self.settings.push_interval if crowded else None
            now = round(self._clock(), 3)
            return Accepted(Answer(receipt.ack, now, receipt.hole, wish, dropped))
        if push.opens:
            answer = Answer(dropped=dropped, jmmc_objectId=push.session)
            return Accepted(answer, self._signer.sign(push.session))
        return Accepted(Answer(dropped=dropped))

    async def _reopen(self) -> Writer:
        try:
            return await self.open()
        except Exception as error:
            _log.error("store_down", why=error)
            raise Rejected("store_down", "cannot open the store", retry_after=5) from error
