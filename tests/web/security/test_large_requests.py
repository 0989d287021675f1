"""Requests whose headers or query are large: refused, or answered at the price of any other."""

import time
from collections.abc import AsyncIterator
from itertools import product

import pytest

from jmmc.accounts import users
from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import Server, create_app
from tests.support.builders import call

_PREFIX = "/jitsi-meet-metrics-collector"
_HEADERS = (
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cookie",
    "forwarded",
    "host",
    "if-none-match",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
)
_FILLINGS = (
    ",",
    ";",
    "a,",
    ";q=",
    '"',
    "\\",
    '\\"',
    "a=b;",
    'a="\\101";',
    "W/",
    " ",
    "=",
)
_PATHS = (f"{_PREFIX}/getClient", f"{_PREFIX}/objectId", "/login", "/api/v1/rooms", "/nothing")
_DEAR = 0.010  # Seconds of CPU: the dearest of these pages takes 1 ms.


@pytest.fixture
def settings() -> Settings:
    return Settings.of(secret="x", max_queries_per_minute=0)


async def _cost(app: Server, path: str, *headers: tuple[str, str]) -> tuple[float, int]:
    """Seconds of CPU, the least of a few tries, and the status."""
    costs = []
    for _ in range(4):
        began = time.thread_time()
        answer = await call(app, "GET", path, headers=headers)
        costs.append(time.thread_time() - began)
        if costs[-1] < _DEAR:
            break
    return min(costs), answer.status


@pytest.fixture
async def warm(app: Server, store: SqliteStore) -> AsyncIterator[Server]:
    await users.add(store.reports, "ann", "correct horse", "viewer")
    for path in _PATHS:
        await call(app, "GET", path)
    return app


@pytest.mark.parametrize("header", _HEADERS)
async def test_a_long_header_costs_no_more_than_any_request(warm: Server, header: str) -> None:
    for size, filling in product((8000, 32_000, 64_000), _FILLINGS):
        value = (filling * size)[:size]
        if header == "cookie":
            value = f'jmmc_session="{value}"'
        for path in _PATHS:
            cost, status = await _cost(warm, path, (header, value))
            assert cost < _DEAR, (filling, size, path)
            assert (status == 431) == (size > 32_768), (filling, size, path, status)


@pytest.mark.parametrize("filling", ["&", "a=b&", "%41", "+", "a&", "=", "lang=en&", "jmmc_id=0&"])
async def test_a_long_query_costs_no_more_than_any_request(warm: Server, filling: str) -> None:
    for size, path in product((90, 8000, 60_000), _PATHS):
        query = (filling * size)[:size]
        cost, status = await _cost(warm, f"{path}?{query}")
        assert cost < _DEAR, (size, path)
        too_long = size > 8192 or query.count("&") >= 100
        assert (status == 414) == too_long, (size, path, status)


async def test_many_short_headers_are_refused_too(warm: Server) -> None:
    lines = [(f"x-{number}", "a" * 20) for number in range(2000)]
    for path in _PATHS:
        assert (await call(warm, "GET", path, headers=lines)).status == 431


async def test_the_first_cookie_of_a_name_counts(warm: Server) -> None:
    """Browsers send the one with the longest path first."""
    lines = [("cookie", "a=1; lang=fr; lang=en"), ("cookie", "lang=en; xlang=en")]
    assert b'lang="fr"' in (await call(warm, "GET", "/login", headers=lines)).body
    assert b'lang="en"' in (await call(warm, "GET", "/login", headers={"cookie": "xlang=fr"})).body


async def test_static_files_and_refused_requests_are_limited_and_close_the_connection(
    store: SqliteStore,
) -> None:
    app = create_app(
        Settings.of(secret="x", max_queries_per_minute=6, trusted_proxies="10.0.0.1"), store=store
    )
    for path in ("/static/pages.css", "/login"):
        client = f"203.0.113.{len(path)}"
        answers = [await call(app, "GET", path, client=client) for _ in range(35)]
        ended = [answer.headers.get("connection") for answer in answers]
        is_limited = [answer.status == 429 for answer in answers]
        assert ended == ["close" if limited else None for limited in is_limited]
        assert is_limited[-1]
        assert b"<html" not in answers[-1].body, "a flood gets no page"
        reader = {"accept": "text/html,*/*;q=0.8", "accept-language": "fr"}
        shown_to_reader = await call(app, "GET", path, client=client, headers=reader)
        wait = shown_to_reader.headers["retry-after"]
        assert shown_to_reader.status == 429
        assert '<html lang="fr"' in shown_to_reader.body.decode()
        assert f"Réessayez dans {wait}\u00a0s." in shown_to_reader.body.decode()
        assert b"<nav" not in shown_to_reader.body, "a menu would be rendered for each"
        first = is_limited.index(True)
        shown = sum(b"<html" in answer.body for answer in answers[first:])
        assert shown == (0 if path.startswith("/static") else 3), "a page costs more than a file"
        assert first == (30 if path.startswith("/static") else 6)
    proxied = {"x-forwarded-for": "203.0.113.9"}
    for _ in range(9):
        answer = await call(app, "GET", "/login", client="10.0.0.1", headers=proxied)
    assert answer.status == 429
    assert "connection" not in answer.headers
    await app.metrics.close()


@pytest.mark.parametrize("path", ["/login", "/nothing"])
async def test_pages_without_access_check_are_limited_too(store: SqliteStore, path: str) -> None:
    app = create_app(Settings.of(secret="x", max_queries_per_minute=5), store=store)
    statuses = [(await call(app, "GET", path)).status for _ in range(6)]
    assert statuses[4] != 429
    assert statuses[5] == 429
    await app.metrics.close()
