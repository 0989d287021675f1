"""Forged cookies, tokens, forms, addresses and host names."""

import asyncio
import re
import threading
import time
from collections import Counter
from urllib.parse import urlencode

import pytest
from itsdangerous import URLSafeTimedSerializer

from jmmc.accounts import tokens, users
from jmmc.core.model import SessionFilter
from jmmc.protocol.addresses import Proxies
from jmmc.settings import Settings
from jmmc.stores import Store
from jmmc.web import slow_refusals
from jmmc.web.site import Server
from tests.support.builders import Answer, body, call, v1_body, wire_sample
from tests.support.waiting import wait_until_async

_FORM = {"content-type": "application/x-www-form-urlencoded"}
_PREFIX = "/jitsi-meet-metrics-collector"


@pytest.fixture
def settings() -> Settings:
    return Settings.of(secret="x", max_queries_per_minute=0)


async def _get(app: Server, path: str, client: str = "127.0.0.1", **headers: str) -> Answer:
    named = {name.replace("_", "-"): header for name, header in headers.items()}
    return await call(app, "GET", path, client=client, headers=named)


async def _post(app: Server, path: str, headers: dict[str, str], **fields: str) -> Answer:
    content = urlencode(fields).encode()
    return await call(app, "POST", path, content, headers={**_FORM, **headers}, client="127.0.0.1")


async def _form(app: Server, path: str, cookie: str = "") -> str:
    page = (await _get(app, path, cookie=cookie)).body.decode()
    return re.findall(r'name="form" value="([^"]+)"', page)[-1]


async def _sign_in(app: Server, **more: str) -> Answer:
    form = await _form(app, "/login")
    fields = {"name": "ann", "password": "correct horse", "form": form, **more}
    return await _post(app, "/login", {}, **fields)


def _cookie(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


@pytest.mark.parametrize(
    "headers",
    [
        {"x_forwarded_for": "127.0.0.1"},
        {"x_forwarded_for": ""},
        {"forwarded": "for=127.0.0.1"},
        {"x_real_ip": "127.0.0.1"},
        {"via": "1.1 proxy"},
        {"host": "evil.example"},
        {"host": "localhost.evil.example:8080"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "[::1].evil.example"},
        {"host": "192.0.2.7:8080"},
        {"host": ""},
    ],
    ids=str,
)
async def test_forwarded_and_rebound_requests_are_not_local(
    app: Server, headers: dict[str, str]
) -> None:
    """Including DNS rebinding: a page whose name resolves to this machine."""
    if headers != {"host": "[::1].evil.example"}:  # Not a valid host; no browser sends it.
        assert (await _get(app, "/api/v1/live", **headers)).status == 403
        assert (await _get(app, "/", **headers)).status == 403
    assert (await _get(app, "/api/v1/live", "203.0.113.7", **headers)).status == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080"])
async def test_local_requests_are_allowed(app: Server, host: str) -> None:
    assert (await _get(app, "/api/v1/live", host=host)).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_form_from_another_site_is_refused_with_a_valid_token(
    app: Server, store: Store, site: str
) -> None:
    await users.add(store.reports, "ann", "correct horse", "admin")
    cookie = _cookie(await _sign_in(app))
    form = await _form(app, "/forget?room=room", cookie)
    headers = {"cookie": cookie, "sec-fetch-site": site}
    assert (await _post(app, "/forget", headers, room="room", form=form)).status == 403
    assert (await _post(app, "/logout", headers, form=form)).status == 403
    login = await _form(app, "/login")
    fields = {"name": "ann", "password": "correct horse", "form": login}
    assert (await _post(app, "/login", {"sec-fetch-site": site}, **fields)).status == 403
    headers["sec-fetch-site"] = "same-origin"
    assert (await _post(app, "/forget", headers, room="room", form=form)).status == 200


async def test_the_token_of_the_sign_in_form_erases_nothing(app: Server) -> None:
    """Without users a local request may erase, but not with the token of the sign-in form."""
    form = await _form(app, "/login")
    assert (await _post(app, "/forget", {}, room="room", form=form)).status == 400
    form = await _form(app, "/forget?room=room")
    assert (await _post(app, "/forget", {}, room="room", form=form)).status == 200


async def test_a_form_token_is_valid_for_one_user_only(app: Server, store: Store) -> None:
    await users.add(store.reports, "ann", "correct horse", "admin")
    await users.add(store.reports, "bob", "correct horse", "admin")
    anns = _cookie(await _sign_in(app))
    bobs = _cookie(await _sign_in(app, name="bob"))
    form = await _form(app, "/forget?room=room", bobs)
    assert (await _post(app, "/forget", {"cookie": anns}, room="room", form=form)).status == 400


async def test_a_new_password_ends_earlier_logins(app: Server, store: Store) -> None:
    await users.add(store.reports, "ann", "correct horse", "admin")
    cookie = _cookie(await _sign_in(app))
    assert (await _get(app, "/api/v1/live", cookie=cookie)).status == 200
    await users.set_password(store.reports, "ann", "battery staple")
    assert (await _get(app, "/api/v1/live", cookie=cookie)).status == 401
    cookie = _cookie(await _sign_in(app, password="battery staple"))
    assert (await _get(app, "/api/v1/live", cookie=cookie)).status == 200
    await users.remove(store.reports, "ann", force=True)
    await users.add(store.reports, "ann", "battery staple", "viewer")
    assert (await _get(app, "/api/v1/live", cookie=cookie)).status == 401


async def test_only_a_signed_in_admin_manages_users(app: Server, store: Store) -> None:
    """Neither a viewer, nor a token with every scope, nor a form of another site or user."""
    await users.add(store.reports, "ann", "correct horse", "admin")
    await users.add(store.reports, "bob", "correct horse", "viewer")
    token = await tokens.create(store.reports, "ann", tokens.SCOPES, 0)
    anns, bobs = _cookie(await _sign_in(app)), _cookie(await _sign_in(app, name="bob"))
    change = {"action": "role", "name": "bob", "role": "admin"}

    async def status(headers: dict[str, str], **fields: str) -> int:
        return (await _post(app, "/users", headers, **change, **fields)).status

    form = await _form(app, "/users?name=bob", anns)
    assert await status({"cookie": bobs}, form=await _form(app, "/account", bobs)) == 403
    assert await status({"authorization": f"Bearer {token}"}, form=form) == 403
    assert await status({}, form=form) == 303  # To the sign-in page.
    assert await status({"cookie": anns, "sec-fetch-site": "cross-site"}, form=form) == 403
    assert await status({"cookie": anns}) == 400
    assert await status({"cookie": anns}, form=await _form(app, "/login")) == 400
    assert [user.role for user in await users.users(store.reports)] == ["admin", "viewer"]
    assert await status({"cookie": anns}, form=form) == 303
    assert [user.role for user in await users.users(store.reports)] == ["admin", "admin"]


async def test_an_own_password_needs_the_current_one_and_keeps_only_this_browser_signed_in(
    app: Server, store: Store
) -> None:
    await users.add(store.reports, "ann", "correct horse", "admin")
    here, elsewhere = _cookie(await _sign_in(app)), _cookie(await _sign_in(app))
    form = await _form(app, "/account", here)
    new = {"password": "battery staple", "repeated": "battery staple", "form": form}

    async def post(**fields: str) -> Answer:
        return await _post(app, "/account", {"cookie": here}, **{**new, **fields})

    assert (await post(current="wrong horse")).status == 401
    assert (await post(current="correct horse", repeated="battery stable")).status == 400
    assert (await post(current="correct horse", password="short", repeated="short")).status == 400
    assert (await post(current="correct horse", form="forged")).status == 400
    assert (await _get(app, "/api/v1/live", cookie=elsewhere)).status == 200
    answer = await post(current="correct horse")
    assert (answer.status, answer.headers["location"]) == (303, "/account?done=password")
    for old in (here, elsewhere):
        assert (await _get(app, "/api/v1/live", cookie=old)).status == 401
    assert (await _get(app, "/users", cookie=_cookie(answer))).status == 200


async def test_a_token_has_no_account(app: Server, store: Store) -> None:
    await users.add(store.reports, "ann", "correct horse", "admin")
    token = await tokens.create(store.reports, "ann", tokens.SCOPES, 0)
    assert (await _get(app, "/account", authorization=f"Bearer {token}")).status == 403


async def test_two_admins_who_demote_each_other_leave_an_admin(app: Server, store: Store) -> None:
    cookies = {}
    for name in ("ann", "bob"):
        await users.add(store.reports, name, "correct horse", "admin")
        cookies[name] = _cookie(await _sign_in(app, name=name))
    forms = {name: await _form(app, "/users?name=ann", cookies[name]) for name in cookies}
    answers = await asyncio.gather(
        *(
            _post(
                app,
                "/users",
                {"cookie": cookies[name]},
                **{"action": "role", "name": other, "role": "viewer", "form": forms[name]},
            )
            for name, other in (("ann", "bob"), ("bob", "ann"))
        )
    )
    assert sorted(answer.status for answer in answers) == [303, 400]
    assert sorted(user.role for user in await users.users(store.reports)) == ["admin", "viewer"]


async def test_the_first_user_is_an_admin(app: Server, store: Store) -> None:
    form = await _form(app, "/users")
    fields = {"action": "add", "name": "ann", "password": "correct horse", "form": form}
    assert (await _post(app, "/users", {}, **fields, role="viewer")).status == 400
    assert await users.users(store.reports) == []
    assert (await _post(app, "/users", {}, **fields, role="admin")).status == 303
    assert (await _get(app, "/users")).headers["location"] == "/login?to=%2Fusers"


async def test_forged_login_cookies_are_refused(app: Server, store: Store) -> None:
    await users.add(store.reports, "ann", "correct horse", "admin")
    good = _cookie(await _sign_in(app)).partition("=")[2]
    form = URLSafeTimedSerializer("x", salt="jmmc form").dumps(["ann", ""])
    stamped = URLSafeTimedSerializer("x", salt="jmmc sign-in")
    forged = [
        URLSafeTimedSerializer("guess", salt="jmmc sign-in").dumps(["ann", ""]),
        stamped.dumps("ann"),
        stamped.dumps(["ann", "0" * 16]),
        stamped.dumps({"name": "ann"}),
        form,
        good[:-1],
        good + "A",
        "." + good,
        good.swapcase(),
        "x" * 5000,
        "",
    ]
    for cookie in forged:
        answer = await _get(app, "/api/v1/live", cookie=f"jmmc_session={cookie}")
        assert answer.status == 401, cookie
    assert (await _get(app, "/api/v1/live", cookie=f"jmmc_session={good}")).status == 200


async def test_the_number_of_waiting_password_verifications_is_bounded(
    app: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes 64 MB and a core; sign-ins beyond the bound get 503."""
    await users.add(store.reports, "ann", "correct horse", "viewer")
    gate = threading.Event()

    def verify(user: users.User | None, password: str) -> bool:
        return gate.wait(30)

    monkeypatch.setattr(users, "verify", verify)
    form = await _form(app, "/login")
    content = urlencode({"name": "ann", "password": "correct horse", "form": form}).encode()
    attempts = [
        asyncio.create_task(call(app, "POST", "/login", content, headers=_FORM, client=client))
        for client in (f"203.0.113.{number}" for number in range(30))
    ]
    await wait_until_async(lambda: sum(attempt.done() for attempt in attempts) >= 10, pause=0.01)
    gate.set()
    statuses = Counter([(await attempt).status for attempt in attempts])
    assert statuses == {303: 20, 503: 10}


async def test_a_sign_in_sets_a_new_cookie_with_all_protections(app: Server, store: Store) -> None:
    await users.add(store.reports, "ann", "correct horse", "viewer")
    form = await _form(app, "/login")
    fields = {"name": "ann", "password": "correct horse", "form": form}
    planted = {"cookie": "jmmc_session=planted", "x-forwarded-proto": "https"}
    answer = await _post(app, "/login", planted, **fields)
    cookie = answer.headers["set-cookie"]
    assert "planted" not in cookie
    for flag in ("HttpOnly", "SameSite=lax", "Secure", "Path=/"):
        assert flag in cookie


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        "/%09/evil.example",
        "/\r\nSet-Cookie: a=b",
        "",
    ],
)
async def test_after_sign_in_the_redirect_stays_on_this_site(
    app: Server, store: Store, to: str
) -> None:
    await users.add(store.reports, "ann", "correct horse", "viewer")
    answer = await _sign_in(app, to=to)
    assert answer.status == 303
    target = answer.headers["location"]
    assert re.match(r"/(?![/\\])", re.sub(r"[\t\r\n]", "", target)), target
    assert "\n" not in target


@pytest.mark.parametrize("path", ["/overview/", "//evil.example/overview/", "/api/v1", "/metrics/"])
async def test_no_redirect_contains_the_requested_host(app: Server, path: str) -> None:
    answer = await _get(app, path, host="127.0.0.1")
    assert "://" not in answer.headers.get("location", "")
    assert not answer.headers.get("location", "").startswith("//")


async def test_a_token_allows_its_scopes_and_no_more(app: Server, store: Store) -> None:
    read = await tokens.create(store.reports, "r", ["read"], 0)
    export = await tokens.create(store.reports, "e", ["export"], 0)
    uid = "a40bcaa8-8b36-11ec-a8a3-0242ac120002"

    async def status(token: str, path: str, method: str = "GET") -> int:
        headers = {"authorization": f"Bearer {token}"}
        answer = await call(app, method, f"/api/v1{path}", headers=headers, client="127.0.0.1")
        return answer.status

    assert await status(read, "/live") == 200
    assert await status(export, "/live") == 403
    assert await status(read, "/export") == 403
    assert await status(export, "/export?format=none") == 400, (
        "allowed, and answered with the mistake"
    )
    for token in (read, export):
        assert await status(token, "/erasures") == 403
        assert await status(token, f"/participants/{uid}", "DELETE") == 403
        assert await status(token, "/rooms/room", "DELETE") == 403
    for near in (read[:-1], read + "x", read.upper(), "", "null", "*", "jmmc_"):
        assert await status(near, "/live") in (401, 429), near
    await tokens.revoke(store.reports, "r")
    assert await status(read, "/live") in (401, 429)


async def test_guessing_tokens_gets_429(app: Server, store: Store) -> None:
    await tokens.create(store.reports, "r", ["read"], 0)
    seen = [
        (await _get(app, "/api/v1/live", authorization=f"Bearer {number}")).status
        for number in range(12)
    ]
    assert seen[0] == 401
    assert seen[-1] == 429


async def test_who_goes_on_guessing_waits_for_each_refusal(
    app: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_refusals, "_HELD_SECONDS", 0.2)
    await tokens.create(store.reports, "r", ["read"], 0)

    async def guess() -> tuple[int, float]:
        began = time.monotonic()
        answer = await _get(app, "/api/v1/live", authorization="Bearer x")
        return answer.status, time.monotonic() - began

    guesses = [await guess() for _ in range(21)]
    assert [status for status, _ in guesses] == [401] * 10 + [429] * 11
    assert max(seconds for _, seconds in guesses[:20]) < 0.2
    assert guesses[20][1] >= 0.2
    began = time.monotonic()
    assert (await _sign_in(app, to="/")).status == 429
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("path", ["/", "/live", "/metrics", "/api/v1/live", "/api/v1/", "/nothing"])
async def test_every_response_has_the_security_headers(app: Server, path: str) -> None:
    if path == "/live":
        path = "/overview"  # /live does not end; its headers are those of every page.
    headers = (await _get(app, path)).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    for part in ("frame-ancestors 'none'", "base-uri 'none'", "form-action"):
        assert part in policy
    assert "script-src 'unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "given", ["a b", "a\nb=c", "a\r\nSet-Cookie: x=y", "x" * 65, "", "-a", "\x1b[31m", "é"]
)
async def test_an_invalid_request_id_is_replaced(app: Server, given: str) -> None:
    answer = await call(
        app, "GET", "/api/v1/live", headers={"x-request-id": given}, client="127.0.0.1"
    )
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])


async def test_forged_v1_cookies_are_refused(app: Server) -> None:
    async def push(cookie: str, m: dict[str, object]) -> Answer:
        content = v1_body(m)
        return await call(app, "POST", f"{_PREFIX}/push", content, headers={"cookie": cookie})

    opened = await push("", {"br": "x", "cq": 1})
    good = opened.headers["set-cookie"].partition(";")[0]
    assert (await push(good, {"cq": 2})).status == 200
    session, _, signature = good.partition("=")[2].partition(".")
    other = f"{int(session, 16) ^ 1:024x}"
    for forged in (f"{other}.{signature}", session, f"{session}.", f"{session}.{'A' * 43}"):
        assert (await push(f"jmmc_objectId={forged}", {"cq": 2})).status == 400


async def test_a_session_cannot_be_written_by_its_public_id(app: Server, store: Store) -> None:
    first = body(wire_sample(0, {"pid": "a"}))
    assert (await call(app, "POST", f"{_PREFIX}/push", first)).status == 200
    (session,) = [found.id async for found in store.sessions(SessionFilter())]
    for sid in (session, session.ljust(32, "0")):
        forged = body(wire_sample(1, {"pid": "b"}), sid=sid)
        await call(app, "POST", f"{_PREFIX}/push", forged)
    (stored,) = await store.get([session])
    assert [sample.seq for sample in stored.samples] == [0]


@pytest.mark.parametrize("padding", [",", "x", "127.0.0.1,", " ", "::1, "])
def test_a_chain_of_proxies_of_any_length_is_read_from_its_right_end(padding: str) -> None:
    proxies = Proxies(["127.0.0.1/32"])
    chain = padding * 10_000 + ",192.0.2.1"
    assert str(proxies.client("127.0.0.1", chain)) == "192.0.2.1"
    assert str(proxies.client("203.0.113.9", chain)) == "203.0.113.9"
