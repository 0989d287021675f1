"""The pages, the API and the endpoints of browsers under a path: mounted, or behind a proxy."""

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from jmmc import MetricsCollector, dashboard
from jmmc.accounts import users
from jmmc.settings import Settings
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.http import Receive, Scope, Send
from jmmc.web.site import create_app
from tests.support.builders import Answer, body, call, v1_body
from tests.web.dashboard.lives import WINDOW, fill

_ROOT = "/quality"
_FORM = {"content-type": "application/x-www-form-urlencoded"}
_BROWSER = "/jitsi-meet-metrics-collector"


class Site(NamedTuple):
    """An app, and how a request for a path that browsers see reaches it."""

    app: Any
    metrics: MetricsCollector
    is_stripped: bool
    headers: dict[str, str]
    root_path: str = ""

    async def request(self, method: str, path: str, content: Any = b"", **headers: str) -> Answer:
        assert path.startswith(f"{_ROOT}/"), f"{path} leads elsewhere"
        given = {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if self.is_stripped or self.root_path:
            path = path.removeprefix(_ROOT)
        return await call(
            self.app,
            method,
            path,
            content,
            headers=given,
            client="127.0.0.1",
            root_path=self.root_path,
        )


def _served(store: SqliteStore, **settings: Any) -> tuple[Any, MetricsCollector]:
    app = create_app(Settings.of(secret="x", max_queries_per_minute=0, **settings), store=store)
    return app, app.metrics


def _prefixed(store: SqliteStore, *, is_stripped: bool) -> Site:
    return Site(*_served(store), is_stripped, {"x-forwarded-prefix": f"{_ROOT}/"})


def _public_url(store: SqliteStore, *, is_stripped: bool) -> Site:
    url = f"https://meet.example.org{_ROOT}/"
    return Site(*_served(store, public_url=url), is_stripped, {})


def _mounted(store: SqliteStore) -> Site:
    app, metrics = _served(store)
    return Site(Starlette(routes=[Mount(_ROOT, app)]), metrics, False, {})


def _hosted(store: SqliteStore) -> Site:
    """A host whose server has a `root_path` that the proxy strips, as FastAPI has it."""
    metrics = MetricsCollector(store=store, secret="x", max_queries_per_minute=0)
    host = Starlette(routes=[Mount(_BROWSER, metrics), Mount("", dashboard(metrics))])

    async def rooted(scope: Scope, receive: Receive, send: Send) -> None:
        await host({**scope, "root_path": _ROOT}, receive, send)

    return Site(rooted, metrics, True, {})


def _hosted_and_prefixed(store: SqliteStore) -> Site:
    metrics = MetricsCollector(store=store, secret="x", max_queries_per_minute=0)
    host = Starlette(routes=[Mount(_BROWSER, metrics), Mount("", dashboard(metrics))])
    return Site(host, metrics, True, {"x-forwarded-prefix": _ROOT})


_SITES: dict[str, Callable[[SqliteStore], Site]] = {
    "X-Forwarded-Prefix, stripped": lambda store: _prefixed(store, is_stripped=True),
    "X-Forwarded-Prefix, not stripped": lambda store: _prefixed(store, is_stripped=False),
    "public_url, stripped": lambda store: _public_url(store, is_stripped=True),
    "public_url, not stripped": lambda store: _public_url(store, is_stripped=False),
    "mounted": _mounted,
    "root_path of the server": lambda store: Site(*_served(store), False, {}, _ROOT),
    "root_path of a host, stripped": _hosted,
    "host behind X-Forwarded-Prefix": _hosted_and_prefixed,
}


@pytest.fixture(params=_SITES)
async def site(request: pytest.FixtureRequest, store: SqliteStore) -> AsyncIterator[Site]:
    site = _SITES[request.param](store)
    yield site
    await site.metrics.close()


def _links(answer: Answer) -> set[str]:
    found = re.findall(r'(?:href|src|action|data-source)="(/[^"]*)"', answer.body.decode())
    return {link.replace("&amp;", "&").partition("#")[0] for link in found}


async def test_every_link_of_every_page_stays_under_the_path_and_works(
    site: Site, store: SqliteStore
) -> None:
    await fill(store)
    waiting, seen = [f"{_ROOT}/overview?{urlencode(WINDOW)}", f"{_ROOT}/"], set()
    kinds = set()
    while waiting:
        link = waiting.pop(0)
        seen.add(link)
        kind = re.sub(r"[0-9a-f-]{24,}|\bi[0-9a-f]{16}\b", "{id}", link.partition("?")[0])
        if kind in kinds or kind.endswith(("/live", "/logout", "/export")):
            continue
        kinds.add(kind)
        answer = await site.request("GET", link)
        assert answer.status == 200, (link, answer.body)
        if "text/html" in answer.headers["content-type"]:
            assert f'data-root="{_ROOT}"' in answer.body.decode() or "/api/v1/" in link
            waiting += sorted(_links(answer) - seen)
    pages = {
        "/",
        "/overview",
        "/compare",
        "/meetings",
        "/sessions",
        "/health",
        "/meetings/{id}",
        "/incidents",
        "/api/v1/",
    }
    assert kinds >= {f"{_ROOT}{page}" for page in pages}


async def test_a_user_signs_in_and_out_under_the_path(site: Site, store: SqliteStore) -> None:
    await users.add(store.reports, "ann", "correct horse", "viewer")
    sent = await site.request("GET", f"{_ROOT}/find?q=x")
    assert (sent.status, sent.headers["location"]) == (
        303,
        f"{_ROOT}/login?{urlencode({'to': f'{_ROOT}/find?q=x'})}",
    )
    for target, expected in {
        f"{_ROOT}/find?q=x": f"{_ROOT}/find?q=x",
        "": f"{_ROOT}/",
        "/room-of-jitsi": f"{_ROOT}/",
        "//evil.example": f"{_ROOT}/",
    }.items():
        page = await site.request("GET", f"{_ROOT}/login?{urlencode({'to': target})}")
        token = page.body.decode().split('name="form" value="')[1].split('"')[0]
        fields = {"form": token, "name": "ann", "password": "correct horse", "to": target}
        done = await site.request("POST", f"{_ROOT}/login", urlencode(fields).encode(), **_FORM)
        assert (done.status, done.headers["location"]) == (303, expected)
        cookie = done.headers["set-cookie"]
        assert f"Path={_ROOT}/;" in f"{cookie};"
    cookie = cookie.partition(";")[0]
    page = await site.request("GET", f"{_ROOT}/", cookie=cookie)
    token = re.findall(r'name="form" value="([^"]+)"', page.body.decode())[-1]
    form = urlencode({"form": token}).encode()
    left = await site.request("POST", f"{_ROOT}/logout", form, cookie=cookie, **_FORM)
    assert (left.status, left.headers["location"]) == (303, f"{_ROOT}/login")
    assert f"Path={_ROOT}/;" in f"{left.headers['set-cookie']};"


async def test_the_api_says_where_it_is(site: Site) -> None:
    assert (await site.request("GET", f"{_ROOT}/metrics")).status == 200
    sent = await site.request("GET", f"{_ROOT}/api/v1")
    assert sent.headers["location"] == f"{_ROOT}/api/v1/"
    description = (await site.request("GET", f"{_ROOT}/api/v1/openapi.json")).json
    assert description["servers"] == [{"url": _ROOT}]
    assert (await site.request("GET", f"{_ROOT}/api/v1/live")).status == 200


async def test_browsers_fetch_the_script_and_push_under_the_path(site: Site) -> None:
    base = f"{_ROOT}{_BROWSER}"
    assert (await site.request("GET", f"{base}/getClient")).status == 200
    assert (await site.request("GET", f"{base}/readyz")).status == 200
    assert (await site.request("POST", f"{base}/push", body())).status == 200
    opened = await site.request("POST", f"{base}/push", v1_body({"br": "x", "cq": 1}))
    cookie = opened.headers["set-cookie"]
    path = cookie.partition("Path=")[2].partition(";")[0]
    # A proxy that strips the path must say so, to jmmc serve or to the host.
    is_unknown = site.is_stripped and (
        bool(site.metrics.collector.settings.public_url) or isinstance(site.app, Starlette)
    )
    assert path == (_BROWSER if is_unknown else base)


@pytest.mark.parametrize(
    "prefix",
    ["//evil.example", "/a b", '/a"><script>', "https://evil.example", "x", "/", "/" + "a" * 300],
)
async def test_a_prefix_that_is_no_path_is_ignored(store: SqliteStore, prefix: str) -> None:
    app, metrics = _served(store)
    headers = {"x-forwarded-prefix": prefix}
    answer = await call(app, "GET", "/login", headers=headers, client="127.0.0.1")
    assert b'data-root=""' in answer.body
    await metrics.close()


async def test_a_prefix_counts_only_from_a_trusted_proxy(store: SqliteStore) -> None:
    app, metrics = _served(store)
    headers = {"x-forwarded-prefix": "/quality"}
    assert b'data-root=""' in (await call(app, "GET", "/login", headers=headers)).body
    prefixes = [("x-forwarded-prefix", "/outer/"), ("x-forwarded-prefix", "/inner")]
    answer = await call(app, "GET", "/login", headers=prefixes, client="127.0.0.1")
    assert b'data-root="/outer/inner"' in answer.body
    await metrics.close()


async def test_the_dashboard_can_be_mounted_under_any_prefix(tmp_path: Path) -> None:
    metrics = MetricsCollector(store=f"sqlite:///{tmp_path}/calls.db", secret="x")
    host = Starlette(routes=[Mount("/calls", dashboard(metrics))])
    for path in (
        "/calls/",
        "/calls/overview",
        "/calls/compare",
        "/calls/meetings",
        "/calls/health",
    ):
        answer = await call(host, "GET", path, client="127.0.0.1")
        assert answer.status == 200, answer.body
        targets = re.findall(r'(?:href|src|action|data-source)="(/[^"]*)"', answer.body.decode())
        assert targets
        assert all(target.startswith("/calls/") for target in targets), targets
    assert (await call(host, "GET", "/calls/api/v1/live", client="127.0.0.1")).status == 200
    assert (await call(host, "GET", "/calls/static/pages.js", client="127.0.0.1")).status == 200
    far = await call(host, "GET", "/calls/", client="203.0.113.9")
    assert (far.status, b"jmmc user add" in far.body) == (403, True)
    await metrics.close()
