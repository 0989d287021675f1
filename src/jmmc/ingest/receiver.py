"""The path of a push, from its body to the answer.

The rate limit may refuse the sender, before its body is read. `Codec` decodes the body into an
`Envelope` and names the readings that it dropped. `admit` checks uid, conf and sid, dates the
samples and makes a `Push`. The `Writer` takes out what was erased, and commits the push together
with those that arrived meanwhile; only then is there an `Accepted`. Wherever the path ends early,
it raises `Rejected`. Each push is counted exactly once, here.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from operator import attrgetter
from typing import Literal, NamedTuple, Protocol, get_args

from msgspec.structs import replace

from jmmc.core.errors import Rejected
from jmmc.core.logging import logger
from jmmc.core.model import Dialect, Push, Receipt, Refusal, Sample
from jmmc.core.readings import READINGS, Subject
from jmmc.ingest.counters import V1_SCRIPT, Counters
from jmmc.ingest.disk_space import Level
from jmmc.ingest.geo import NetworkNames
from jmmc.ingest.session_senders import SessionSenders
from jmmc.ingest.writer import Writer
from jmmc.privacy.pseudonyms import Pseudonyms
from jmmc.privacy.receipts import ErasureFilter
from jmmc.protocol.addresses import (
    Address,
    ForwardedHeader,
    Origin,
    Proxies,
    stored_form,
    truncated,
)
from jmmc.protocol.admission import Policy, admit
from jmmc.protocol.answer import Answer
from jmmc.protocol.budget import (
    OVERLOADED,
    SessionBudgets,
    body_cost,
    most_samples,
    new_sessions,
    samples_cost,
)
from jmmc.protocol.decoding import Codec
from jmmc.protocol.fair_share import FairShare
from jmmc.protocol.identity import COOKIE, CookieSigner
from jmmc.protocol.rate_limit import RateLimiter
from jmmc.protocol.server_readings import add_server_readings
from jmmc.protocol.useragent import browser_and_system
from jmmc.settings import Settings

_log = logger(__name__)

_RETRY_AFTER = 5  # Seconds until a browser tries again when the store cannot be opened.
_LONGEST_WAIT = 60  # Seconds until a browser whose address sends too much tries again.
_RETRY_WITHOUT_SPACE = 60  # Seconds until it does when the disk is nearly full.

SmallRequest = Literal["browser", "health"]
"""What a request that is no push is about: its own allowance keeps it apart from the other kind.

So no flood of one kind hides a script from a page, or makes a load balancer take the collector out.
"""

_SMALL = 1 / 4  # Requests of each kind, for a push that is allowed: a page loads one script.
_LEAST_SMALL = 60.0  # A minute, however few pushes are allowed.

_IS_FULL = attrgetter("full")


class Sender(Protocol):
    """What a handler knows of who sent a push: the connection's other end, and three headers."""

    @property
    def peer(self) -> str | None:
        """Address of the other end of the connection."""

    def forwarded(self, header: ForwardedHeader) -> str | None:
        """All lines of this header as one list, whoever wrote them."""

    @property
    def user_agent(self) -> str | None:
        """User-Agent."""

    @property
    def cookie(self) -> str | None:
        """Cookie, as it came."""


class Accepted(NamedTuple):
    """A push that is on stable storage.

    `cookie` is the signed value by which a v1 browser names the session that it opened.
    """

    answer: Answer
    cookie: str | None = None


class Waiting(NamedTuple):
    """A push that waits for its commit: `receipt` is done when it is stored, or was not.

    `crowded`: many pushes wait, so browsers are asked to push half as often.
    """

    push: Push
    dropped: list[str]
    crowded: bool
    receipt: "asyncio.Future[Receipt | Refusal]"


def new_session_id(now: float) -> str:
    """Return a random session id (24 hex digits) that begins with its second, like an ObjectId."""
    return int(now).to_bytes(4, "big").hex() + os.urandom(8).hex()


class Receiver:
    """Decodes, checks and stores pushes.

    `secret` signs the cookie of dialect v1. `open_writer` opens the store if need be and returns
    the writer. `disk_level` gives the level of the disk by which pushes are refused. `clock` gives
    Unix seconds, `new_id` a session id for dialect v1. Raises `SettingsError` for a geo database
    that cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        secret: str,
        pseudonyms: Pseudonyms,
        counters: Counters,
        open_writer: Callable[[], Awaitable[Writer]],
        disk_level: Callable[[], Level],
        clock: Callable[[], float],
        new_id: Callable[[float], str] = new_session_id,
    ) -> None:
        self.erased = ErasureFilter()
        """Which samples may not be stored any more."""
        self._pseudonyms = pseudonyms
        self._counters = counters
        self._open_writer = open_writer
        self._disk_level = disk_level
        self._clock = clock
        self._new_id = new_id
        self._signer = CookieSigner(secret)
        self._share = FairShare()
        self.senders = SessionSenders()
        """Who sent the sessions of late."""
        self._names = NetworkNames(
            asn_database=settings.asn_database, country_database=settings.country_database
        )
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Use these settings from the next push on."""
        self._settings = settings
        self._codec = Codec(
            regions=settings.authorized_regions,
            addresses=settings.ip,
            refused=_not_asked_for(settings),
        )
        days, interval = settings.max_session_days, settings.sample_interval
        limit = most_samples(days, interval)
        self._policy = Policy(settings.conf_pattern, self._pseudonyms, limit)
        self._budgets = SessionBudgets(max_session_days=days, sample_interval=interval)
        self._proxies = Proxies(settings.trusted_proxies, settings.forwarded_header)
        self._rate_limiter = RateLimiter(settings.max_pushes_per_minute)
        self._rate_limiter.reduce(self._share.share)
        pushes = settings.max_pushes_per_minute
        self._new_sessions = new_sessions(pushes)
        self._new_sessions.reduce(self._share.share)
        small = max(_LEAST_SMALL, pushes * _SMALL) if pushes else 0
        self._small_requests = {kind: RateLimiter(small) for kind in get_args(SmallRequest)}

    def is_proxy(self, peer: str | None) -> bool:
        """Whether a connection is that of a trusted proxy, or of a Unix socket."""
        return peer is None or self._proxies.is_trusted(peer)

    def observe(self, delay: float, seconds: float) -> None:
        """Adapt what each sender may send: pushes were delayed by `delay` in the last `seconds`."""
        share = self._share.observe(delay, seconds, self._rate_limiter.senders)
        self._rate_limiter.reduce(share)
        self._new_sessions.reduce(share)

    def admit(self, sender: Sender) -> None:
        """Take the token of a push, before its body is read. Raises `Rejected`, and counts it.

        What the body costs more is taken by `receive`.
        """
        try:
            self._take(self._rate_limiter, self.key(sender))
        except Rejected as rejected:
            self.reject(rejected)
            raise

    def admit_small(self, sender: Sender, kind: SmallRequest) -> None:
        """Take the token of a request that is no push. Raises `Rejected`, and counts nothing."""
        self._take(self._small_requests[kind], self.key(sender))

    def key(self, sender: Sender) -> int | None:
        """The key of a sender for rate limits; None for one without an address."""
        return self._origin(sender).key

    def _take(
        self, rate_limiter: RateLimiter, key: int | None, why: str = "this address sends too much"
    ) -> None:
        if key is not None and (wait := rate_limiter.wait(key, self._clock())):
            # A longer wait may be due to an overload, which may end before.
            retry_after = min(int(wait) + 1, _LONGEST_WAIT)
            raise Rejected("throttled", why, retry_after=retry_after)

    async def receive(self, body: bytes, sender: Sender) -> Accepted:
        """Store one push that was admitted. Raises `Rejected`: then it was not stored."""
        try:
            dropped, push = self._admit(body, sender)
            writer = await self._writer()
            crowded = self._is_crowded(writer)
            return self._accept(push, await self._commit(writer, push), dropped, crowded)
        except Rejected as rejected:
            self.reject(rejected)
            raise

    def begin(self, body: bytes, sender: Sender, writer: Writer) -> Waiting:
        """Begin to store one push that was admitted, on a disk with enough space; see `end`.

        Raises `Rejected`: then it is not stored.
        """
        try:
            dropped, push = self._admit(body, sender)
            return Waiting(push, dropped, self._is_crowded(writer), writer.commit(push))
        except Rejected as rejected:
            self.reject(rejected)
            raise

    def end(self, waiting: Waiting) -> Accepted:
        """The outcome of a push that `begin` has begun, whose receipt is done. As `receive`."""
        try:
            receipt = waiting.receipt.result()
            return self._accept(waiting.push, receipt, waiting.dropped, waiting.crowded)
        except Rejected as rejected:
            self.reject(rejected)
            raise

    def trim(self, push: Push) -> Push | None:
        """Return `push` without its erased samples; None when none is left."""
        return self.erased.trimmed(push) if self.erased else push

    def reject(self, rejected: Rejected) -> None:
        """Count a refusal; also for handlers that refuse a body before it is complete."""
        self._counters.reject(rejected.reason)

    async def _commit(self, writer: Writer, push: Push) -> Receipt | Refusal:
        """Commit a push, if the disk has space for it: a running session has more than a new one.

        Running sessions are bounded by their budgets.
        """
        level = self._disk_level()
        if level == "enough":
            return await writer.commit(push)
        v1 = push.dialect is Dialect.V1
        if level == "exhausted" or (v1 and push.opens):
            raise _without_space()
        receipt = await writer.commit(replace(push, opens=False))
        if receipt is Refusal.UNKNOWN_SESSION and not v1:
            raise _without_space()
        return receipt

    def _admit(self, body: bytes, sender: Sender) -> tuple[list[str], Push]:
        """Return the readings that were dropped, and the push as it will be stored."""
        now = self._clock()
        factor = OVERLOADED if self._share.is_reduced else 1
        address, key = self._origin(sender)
        if key is not None and (cost := body_cost(body)):
            self._rate_limiter.charge(key, now, factor * cost)
        envelope = self._codec.decode(body)
        if key is not None and (cost := samples_cost(envelope.samples)):
            self._rate_limiter.charge(key, now, factor * cost)
        push, clamped = admit(envelope, self._policy, now)
        self._counters.clamped_ages += clamped
        if push.dialect is Dialect.V1:
            push = replace(push, session=self._v1_session(push, sender, now))
        if key is not None:
            if not self.senders.of(push.session):
                self._take(self._new_sessions, key, "this address opens too many sessions")
            self.senders.count(push.session, key, len(push.samples))
        self._budgets.charge(push, now)
        first = push.samples[0]
        if not first.seq or any(map(_IS_FULL, push.samples)):
            completed = (self._completed(sample, push, sender, address) for sample in push.samples)
            push = replace(push, samples=tuple(completed))
            if push.dialect is Dialect.V1:
                if push.opens:
                    self._counters.begin(V1_SCRIPT)
            elif first.seq == 0:
                self._counters.begin(envelope.script)
        return envelope.dropped, push

    def _origin(self, sender: Sender) -> Origin:
        return self._proxies.origin(sender.peer, sender.forwarded(self._proxies.header))

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
        """Add what only the server knows to a sample that opens a session or is full."""
        opens = push.opens if sample.seq is None else sample.seq == 0
        if not (opens or sample.full):
            return sample
        browser, system = browser_and_system(sender.user_agent)
        seen = None
        if address is not None and self._settings.ip != "none":
            seen = stored_form(address)
            if self._settings.ip == "truncated":
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

    def _accept(
        self, push: Push, receipt: Receipt | Refusal, dropped: list[str], crowded: bool
    ) -> Accepted:
        """Count a push that is stored, and return its answer.

        Raises `Rejected` when the store refused it. `crowded` as in `Waiting`.
        """
        v1 = push.dialect is Dialect.V1
        if isinstance(receipt, Refusal):
            raise Rejected("no_session" if v1 else "bad_sid", receipt.value)
        if dropped:
            self._counters.trimmed += 1
        else:
            self._counters.accepted += 1
        if not v1:
            interval = 2 * self._settings.push_interval if crowded else None
            now = round(self._clock(), 3)
            return Accepted(Answer(receipt.ack, now, receipt.gap, interval, dropped))
        if push.opens:
            answer = Answer(dropped=dropped, jmmc_objectId=push.session)
            return Accepted(answer, self._signer.sign(push.session))
        return Accepted(Answer(dropped=dropped))

    def _is_crowded(self, writer: Writer) -> bool:
        return writer.waiting > self._settings.queue_limit // 2

    async def _writer(self) -> Writer:
        try:
            return await self._open_writer()
        except Exception as error:
            _log.error("store_down", why=error)
            detail = "cannot open the store"
            raise Rejected("store_down", detail, retry_after=_RETRY_AFTER) from error


def _not_asked_for(settings: Settings) -> set[str]:
    """The readings about people that the settings do not allow, whatever a browser sends.

    With pseudonyms there is no name, however the settings came to be.
    """
    refused: set[str] = set()
    if settings.identify == "none" or settings.pseudonyms != "none":
        refused.add("name")
    if settings.support_code == "off":
        refused.add("code")
    if not settings.collect_devices:
        refused.update(row.path for row in READINGS if row.subject is Subject.DEVICE)
    if not settings.ask_rating:
        refused.update(row.path for row in READINGS if row.subject is Subject.RATING)
    return refused


def _without_space() -> Rejected:
    return Rejected("store_down", "the disk is nearly full", retry_after=_RETRY_WITHOUT_SPACE)
