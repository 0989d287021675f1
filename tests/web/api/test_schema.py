"""The API against its own description, by requests that schemathesis invents from it."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS

from jmmc.accounts import tokens
from jmmc.maintenance.erase import forget
from jmmc.settings import Settings
from jmmc.stores import open_store
from jmmc.web.api.routes import api_description
from jmmc.web.site import create_app
from tests.support.servers import serving
from tests.web.dashboard.lives import LIVES, WINDOW, fill

_DESCRIPTION = api_description()
_API = schemathesis.openapi.from_dict(_DESCRIPTION)
_CLOSED_API = schemathesis.openapi.from_dict({**_DESCRIPTION, "security": [{"token": []}]})
_LIFE = next(life for life in LIVES if life.problems).session
_KNOWN = {"id": _LIFE.id, "participant": _LIFE.browser_id, "room": _LIFE.room}
# Some questions that fit the description are refused all the same: no schema says that since comes
# before until, which days a month has, or what a cursor is.
_BY_VALUE = CHECKS.get_by_names(["positive_data_acceptance"])
_SEEDED = {"derandomize": True, "deadline": None, "suppress_health_check": list(HealthCheck)}


class QueryParameters(NamedTuple):
    """A server with a day of calls; `closed` wants to see `token`."""

    open: str
    closed: str
    token: str


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryParameters]:
    folder = tmp_path_factory.mktemp("schema")
    urls = {name: f"sqlite:///{folder}/{name}.db" for name in ("open", "closed")}

    async def prepare() -> str:
        for url in urls.values():
            store = open_store(url)
            await store.open()
            await fill(store)
            if url == urls["closed"]:
                token = await tokens.create(store.reports, "all", ["read", "export", "erase"], 0)
            await store.close()
        return token

    token = asyncio.run(prepare())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jmmc.collector.forget", partial(forget, settle=0))
        patch.setattr("jmmc.web.security.access._MAX_ATTEMPTS", 1_000_000)
        apps = {
            name: create_app(Settings.of(store=url, secret="x", max_queries_per_minute=0))
            for name, url in urls.items()
        }
        with serving(apps["open"]) as open_url, serving(apps["closed"]) as closed_url:
            yield QueryParameters(open_url, closed_url, token)


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@_API.parametrize()
@settings(max_examples=25, **_SEEDED)
def test_whatever_is_asked_the_answer_is_as_described(
    case: schemathesis.Case, asked: QueryParameters, session: requests.Session
) -> None:
    case.call_and_validate(base_url=asked.open, session=session, excluded_checks=_BY_VALUE)


@_API.include(method="GET").parametrize()
@settings(max_examples=10, **_SEEDED)
def test_what_is_there_is_answered_as_described(
    case: schemathesis.Case, asked: QueryParameters, session: requests.Session
) -> None:
    for name in case.path_parameters:
        case.path_parameters[name] = _KNOWN[name]
    if isinstance(case.query, dict):
        case.query.update(item for item in WINDOW.items() if item[0] in case.operation.query)
    case.call_and_validate(base_url=asked.open, session=session, excluded_checks=_BY_VALUE)


@_CLOSED_API.parametrize()
@settings(max_examples=5, **_SEEDED)
def test_nothing_is_answered_without_a_token(
    case: schemathesis.Case, asked: QueryParameters, session: requests.Session
) -> None:
    headers = {"Authorization": f"Bearer {asked.token}"}
    case.call_and_validate(
        base_url=asked.closed, session=session, headers=headers, excluded_checks=_BY_VALUE
    )
