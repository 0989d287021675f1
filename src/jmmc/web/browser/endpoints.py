"""The endpoints of browsers: fetch a script, push samples, ask for a session."""

import asyncio
import time
from functools import partial
from urllib.parse import parse_qs

from jmmc.collector import Collector
from jmmc.core.errors import Reason, Rejected, StoreError
from jmmc.core.logging import logger
from jmmc.ingest.receiver import Accepted, Waiting
from jmmc.protocol.answer import encode_answer
from jmmc.protocol.identity import COOKIE
from jmmc.settings import Settings
from jmmc.web.browser.cors import Cors
from jmmc.web.browser.script import SCRIPT_NAMES, Script, ScriptName
from jmmc.web.http import (
    CLOSE,
    JSON,
    Disconnected,
    Header,
    Request,
    Respond,
    Send,
    accepted,
    answer,
    answer_json,
    encode,
    is_http_1,
    joined_send,
    length_of,
)
from jmmc.web.request_log import REQUEST_ID, request_id
from jmmc.web.slow_refusals import SlowRefusals

_log = logger(__name__)

STATUS: dict[Reason, int] = {
    "malformed": 400,
    "too_large": 413,
    "bad_uid": 400,
    "bad_conf": 400,
    "bad_sid": 400,
    "no_session": 400,
    "empty": 400,
    "session_full": 400,
    "throttled": 429,
    "busy": 503,
    "store_down": 503,
}


# Of an address that sends too much. Its next connection counts for the limits of connections.
_CLOSING: tuple[Reason, ...] = ("throttled", "too_large")

# Browsers that had a script within a day use it at once, also when the collector is down, and fetch
# the new one beside. So a changed setting reaches such a browser with its second page.
_CACHE_CONTROL = b"public, max-age=0, stale-while-revalidate=86400, stale-if-error=86400"


class BrowserEndpoints:
    """The scripts, `POST /push` and `GET /objectId` of one collector."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._slow_refusals = SlowRefusals(time.monotonic)
        self._refusing: set[asyncio.Task[None]] = set()
        collector.follow_settings(self._apply)

    def _apply(self, settings: Settings) -> None:
        self._cors = Cors(settings.allowed_origins)
        self._scripts = {name: Script(settings, name) for name in SCRIPT_NAMES}

    async def push(self, request: Request, send: Send) -> None:
        """Read the body, hand it to the collector, and answer with the outcome."""
        collector, settings = self._collector, self._collector.settings
        cors = self._cors.headers(request.headers.get(b"origin"))
        try:
            collector.admit(request)
            try:
                body = await request.body(limit=settings.max_body, timeout=settings.body_timeout)
            except Rejected as rejected:
                collector.reject(rejected)
                raise
            accepted = await collector.receive(body, request)
        except Disconnected:
            return
        except Rejected as rejected:
            await self.refuse(request, send, rejected, cors)
        else:
            headers = [*JSON, *cors, *_cookie(accepted, request)]
            await answer(send, 200, encode_answer(accepted.answer), headers)

    def push_at_once(self, request: Request, body: bytes, respond: Respond) -> bool:
        """Do what `push` does with a body that is complete, without a task: half of the CPU.

        False, and nothing was done, while the collector is not ready for that.
        """
        collector = self._collector
        if not collector.is_ready:
            return False
        cors = self._cors.headers(request.headers.get(b"origin"))
        try:
            collector.admit(request)
            try:
                content = request.checked(body, limit=collector.settings.max_body)
            except Rejected as rejected:
                collector.reject(rejected)
                raise
            waiting = collector.begin(content, request)
        except Rejected as rejected:
            self._refuse_at_once(rejected, request, cors, respond)
        else:
            end = partial(self._end_push, waiting, request, cors, respond)
            waiting.receipt.add_done_callback(end)
        return True

    def _end_push(
        self, waiting: Waiting, request: Request, cors: list[Header], respond: Respond, _: object
    ) -> None:
        try:
            accepted = self._collector.end(waiting)
        except Rejected as rejected:
            self._refuse_at_once(rejected, request, cors, respond)
        except Exception:
            respond(500, b"", [length_of(b"")])
            raise  # The event loop logs it.
        else:
            body = encode_answer(accepted.answer)
            headers = [*JSON, *cors, *_cookie(accepted, request), length_of(body)]
            respond(200, body, headers)

    def _refuse_at_once(
        self, rejected: Rejected, request: Request, cors: list[Header], respond: Respond
    ) -> None:
        """Refuse in a task: a refusal may be held back."""
        task = asyncio.create_task(self.refuse(request, joined_send(respond), rejected, cors))
        self._refusing.add(task)
        task.add_done_callback(self._refusing.discard)

    async def preflight(self, request: Request, send: Send) -> None:
        """Answer the CORS preflight of a page of another origin."""
        await answer(send, 204, b"", self._cors.preflight(request.headers.get(b"origin")))

    async def script(self, name: ScriptName, request: Request, send: Send) -> None:
        """Send a script, or 304 if the browser has this version of it."""
        vary = b"accept-encoding"
        if name == "getClient":
            # Every browser begins its User-Agent header with this. Mobile apps, which use the same
            # URL, send that of the system's HTTP library.
            vary += b", user-agent"
            if "Mozilla/" not in (request.text(b"user-agent") or ""):
                name = "getApp"
        if request.headers.get(b"referer") or request.text(b"sec-fetch-dest") == "script":
            self._collector.counters.script_loads += 1  # A page, not somebody who tries the URL.
        script = self._scripts[name]
        variant = script.for_accept_encoding(accepted(request.scope, "accept-encoding"))
        headers: list[Header] = [
            (b"content-type", b"application/javascript; charset=utf-8"),
            (b"cache-control", _CACHE_CONTROL),
            (b"etag", variant.etag.encode()),
            (b"vary", vary),
            (b"x-content-type-options", b"nosniff"),
            (b"cross-origin-resource-policy", b"cross-origin"),
        ]
        cached = (request.text(b"if-none-match") or "").replace("W/", "")
        if variant.etag in cached or cached.strip() == "*":
            await answer(send, 304, b"", headers)
            return
        if variant.encoding != "identity":
            headers.append((b"content-encoding", variant.encoding.encode()))
        await answer(send, 200, variant.body, headers)

    async def object_id(self, request: Request, send: Send) -> None:
        """Answer whether a session is stored (`true` or `false`)."""
        query = parse_qs(request.scope.get("query_string", b"").decode("latin-1"))
        cors = self._cors.headers(request.headers.get(b"origin"))
        try:
            is_stored = await self._collector.holds(query.get("jmmc_id", [""])[0])
        except ValueError as error:
            content = {"error": "bad_id", "detail": f"jmmc_id: {error}"}
            await answer_json(send, 400, encode(content), cors)
        except StoreError:
            rejected = Rejected("store_down", "cannot read now", retry_after=5)
            await self.refuse(request, send, rejected, cors)
        else:
            await answer_json(send, 200, encode(is_stored), cors)

    async def refuse(
        self, request: Request, send: Send, rejected: Rejected, headers: list[Header]
    ) -> None:
        """Answer with the reason of a refusal; the log has it under the same request id.

        Who goes on nevertheless waits for it. The connection of an address that sends too much is
        closed, unless it is that of a proxy: a new one would cost the collector more than the next
        request on this one.
        """
        id_ = request_id(request.headers.get(REQUEST_ID))
        _log.debug("request_refused", request=id_, reason=rejected.reason, detail=rejected.detail)
        headers = [*headers, (REQUEST_ID, id_.encode())]
        if rejected.retry_after is not None:
            headers.append((b"retry-after", b"%d" % rejected.retry_after))
        closes = rejected.reason in _CLOSING and not self._collector.is_proxy(request.peer)
        if closes and is_http_1(request.scope):
            headers.append(CLOSE)
        if rejected.reason == "throttled":
            key = self._collector.sender_key(request)
            if key is not None:
                await self._slow_refusals.wait(key)
        content = {"error": rejected.reason, "detail": rejected.detail}
        await answer_json(send, STATUS[rejected.reason], encode(content), headers)


def _cookie(accepted: Accepted, request: Request) -> list[Header]:
    if accepted.cookie is None:
        return []
    path = request.scope.get("root_path", "") or "/"
    value = f"{COOKIE}={accepted.cookie}; Path={path}; Secure; HttpOnly; SameSite=None"
    return [(b"set-cookie", value.encode())]
