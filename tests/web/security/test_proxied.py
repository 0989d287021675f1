"""The address of a browser behind proxies: read the same way by every limit and in storage."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from ipaddress import ip_address
from urllib.parse import urlencode

import msgspec
import pytest

from jmmc.accounts import tokens, users
from jmmc.core.model import SessionFilter
from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import Server, create_app
from tests.support.builders import Answer, body, call, v1_body, wire_sample

_PUSH = "/jitsi-meet-metrics-collector/push"
_LIMIT = 10
_BROWSER = "203.0.113.99"

Lines = Sequence[tuple[str, str]]

# What two trusted proxies pass on of a browser that claims another address each time.
_WAYS: dict[str, tuple[str, Callable[[str], Lines]]] = {
    "one line": (
        "x-forwarded-for",
        lambda claim: [("x-forwarded-for", f"{claim}, {_BROWSER}, 10.0.0.5")],
    ),
    "a line of each proxy": (
        "x-forwarded-for",
        lambda claim: [
            ("x-forwarded-for", claim),
            ("x-forwarded-for", _BROWSER),
            ("x-forwarded-for", "10.0.0.5"),
        ],
    ),
    "ports and brackets": (
        "x-forwarded-for",
        lambda claim: [
            ("x-forwarded-for", claim),
            ("x-forwarded-for", f"{_BROWSER}:4711, [::ffff:10.0.0.5]:80"),
        ],
    ),
    "Forwarded": (
        "forwarded",
        lambda claim: [
            ("forwarded", f"for={claim}"),
            ("x-forwarded-for", claim),
            ("forwarded", f'for="{_BROWSER}:4711";proto=https'),
            ("forwarded", "for=10.0.0.5;by=_inner"),
        ],
    ),
}


@pytest.fixture(params=_WAYS)
def way(request: pytest.FixtureRequest) -> tuple[str, Callable[[str], Lines]]:
    return _WAYS[request.param]


@pytest.fixture
async def app(store: SqliteStore, way: tuple[str, Callable[[str], Lines]]) -> AsyncIterator[Server]:
    app = create_app(
        Settings.of(
            secret="x",
            ip="full",
            trusted_proxies="127.0.0.1,10.0.0.0/8",
            forwarded_header=way[0],
            max_pushes_per_minute=_LIMIT,
            max_queries_per_minute=_LIMIT,
        ),
        store=store,
    )
    yield app
    await app.metrics.close()


async def _outcomes(request: Callable[[Lines], object], lines: Callable[[str], Lines]) -> Counter:
    """The statuses of 30 requests, each of which claims another address."""
    statuses: Counter = Counter()
    for number in range(30):
        answer = await request(lines(f"198.51.100.{number}"))  # type: ignore[misc]
        statuses[answer.status] += 1
    return statuses


async def test_the_address_of_the_browser_is_stored(
    app: Server, store: SqliteStore, way: tuple[str, Callable[[str], Lines]]
) -> None:
    answer = await call(app, "POST", _PUSH, body(), headers=way[1]("6.6.6.6"), client="127.0.0.1")
    assert answer.status == 200
    (session,) = [session async for session in store.sessions(SessionFilter())]
    readings = msgspec.json.decode(session.samples[0].readings)
    assert readings["t"]["rip"] == int(ip_address(_BROWSER))


async def test_pushes_are_limited_by_the_address_of_the_browser(
    app: Server, way: tuple[str, Callable[[str], Lines]]
) -> None:
    async def push(lines: Lines) -> Answer:
        sample = wire_sample(0, {"cq": 1})
        return await call(app, "POST", _PUSH, body(sample), headers=lines, client="127.0.0.1")

    assert await _outcomes(push, way[1]) == {200: 10, 429: 20}


async def test_wrong_passwords_are_limited_by_the_address_of_the_browser(
    app: Server, store: SqliteStore, way: tuple[str, Callable[[str], Lines]]
) -> None:
    await users.add(store.reports, "ann", "correct horse", "viewer")
    page = (await call(app, "GET", "/login", client="192.0.2.1")).body.decode()
    token = page.split('name="form" value="')[1].split('"')[0]
    form = urlencode({"form": token, "name": "ann", "password": "guess"}).encode()

    async def sign_in(lines: Lines) -> Answer:
        headers = [("content-type", "application/x-www-form-urlencoded"), *lines]
        return await call(app, "POST", "/login", form, headers=headers, client="127.0.0.1")

    assert await _outcomes(sign_in, way[1]) == {401: 10, 429: 20}


async def test_requests_to_the_api_are_limited_by_the_address_of_the_browser(
    app: Server, store: SqliteStore, way: tuple[str, Callable[[str], Lines]]
) -> None:
    token = await tokens.create(store.reports, "r", ["read"], 0)

    async def ask(lines: Lines) -> Answer:
        headers = [("authorization", f"Bearer {token}"), *lines]
        return await call(app, "GET", "/api/v1/live", headers=headers, client="127.0.0.1")

    assert await _outcomes(ask, way[1]) == {200: 10, 429: 20}


async def test_an_address_that_an_untrusted_proxy_passes_on_counts_for_nothing(
    app: Server, way: tuple[str, Callable[[str], Lines]]
) -> None:
    async def push(lines: Lines) -> Answer:
        return await call(app, "POST", _PUSH, body(), headers=lines, client="203.0.113.5")

    assert await _outcomes(push, way[1]) == {200: 10, 429: 20}


async def test_nothing_that_proxies_pass_on_makes_a_request_local(
    app: Server, way: tuple[str, Callable[[str], Lines]]
) -> None:
    lines = [*way[1]("127.0.0.1"), ("host", "localhost")]
    assert (await call(app, "GET", "/api/v1/live", headers=lines, client="127.0.0.1")).status == 403


async def test_a_session_cookie_in_the_second_line_is_read(app: Server) -> None:
    """HTTP/2 allows a line for each cookie (RFC 9113, section 8.2.3)."""
    opened = await call(app, "POST", _PUSH, v1_body({"br": "x", "cq": 1}))
    cookie = opened.headers["set-cookie"].partition(";")[0]
    for lines in ([("cookie", cookie), ("cookie", "a=b")], [("cookie", "a=b"), ("cookie", cookie)]):
        answer = await call(app, "POST", _PUSH, v1_body({"cq": 2}), headers=lines)
        assert answer.status == 200


@pytest.mark.parametrize(
    ("lines", "is_secure"),
    [
        ([("x-forwarded-proto", "https")], True),
        ([("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")], True),
        ([("x-forwarded-proto", "http, https")], False),
        ([("forwarded", 'for=_a;Proto="https"'), ("forwarded", "proto=http")], True),
        ([("forwarded", "for=_a;proto=http")], False),
        ([], False),
    ],
)
async def test_a_login_cookie_is_secure_when_the_browser_speaks_https(
    store: SqliteStore, lines: Lines, is_secure: bool
) -> None:
    app = create_app(Settings.of(secret="x"), store=store)
    await users.add(store.reports, "ann", "correct horse", "viewer")
    page = (await call(app, "GET", "/login")).body.decode()
    token = page.split('name="form" value="')[1].split('"')[0]
    form = urlencode({"form": token, "name": "ann", "password": "correct horse"}).encode()
    headers = [("content-type", "application/x-www-form-urlencoded"), *lines]
    answer = await call(app, "POST", "/login", form, headers=headers)
    assert ("Secure" in answer.headers["set-cookie"]) == is_secure
    await app.metrics.close()
