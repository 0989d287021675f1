"""The API against its OpenAPI document, by requests that schemathesis generates from it."""

import asyncio
import copy
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks

from jmmc.accounts import tokens
from jmmc.settings import Settings
from jmmc.stores import open_store
from jmmc.web.api.reference_page import reference_content
from jmmc.web.api.routes import api_description
from jmmc.web.site import create_app
from tests.support.servers import serving
from tests.web.dashboard.lives import LIVES, WINDOW, fill

_DESCRIPTION = api_description()
# By a fixture: otherwise each worker makes the requests of all operations when it collects tests,
# which takes 3 s of CPU.
_API = schemathesis.pytest.from_fixture("api")
_VALID_API = schemathesis.pytest.from_fixture("valid_api")
_OPERATIONS = [(method, path) for path, item in _DESCRIPTION["paths"].items() for method in item]
_LIFE = next(life for life in LIVES if life.problems).session
_KNOWN = {"note": "0" * 8, "id": _LIFE.id, "participant": _LIFE.browser_id, "room": _LIFE.room}
# Some requests that match the description are refused: a schema cannot say that since is earlier
# than until, which days a month has, or what a cursor is.
load_all_checks()
_BY_VALUE = CHECKS.get_by_names(["positive_data_acceptance"])
_OPERATIONS_OF_A_PARAMETER = 3
_SEEDED = {"derandomize": True, "deadline": None, "suppress_health_check": list(HealthCheck)}


class Servers(NamedTuple):
    """The URLs of two servers with a day of calls; `closed` requires `token`."""

    open: str
    closed: str
    token: str


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("schema")
    urls = {name: f"sqlite:///{folder}/{name}.db" for name in ("open", "closed")}

    async def prepare() -> str:
        store = open_store(urls["open"])
        await store.open()
        await fill(store)
        await store.close()
        shutil.copy(folder / "open.db", folder / "closed.db")
        store = open_store(urls["closed"])
        await store.open()
        scopes = ["read", "export", "note", "erase"]
        token = await tokens.create(store.reports, "all", scopes, 0)
        await store.close()
        return token

    token = asyncio.run(prepare())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jmmc.web.security.access._MAX_ATTEMPTS", 1_000_000)
        apps = {
            name: create_app(Settings.of(store=url, secret="x", max_queries_per_minute=0))
            for name, url in urls.items()
        }
        with serving(apps["open"]) as open_url, serving(apps["closed"]) as closed_url:
            yield Servers(open_url, closed_url, token)


@pytest.fixture(scope="module")
def api() -> schemathesis.BaseSchema:
    """Of an optional parameter that many operations have, at the first ones that have it.

    They read it by the same code. At all of them, its wrong values took half of the time.
    """
    description = copy.deepcopy(_DESCRIPTION)
    seen: Counter[str] = Counter()
    for methods in description["paths"].values():
        for operation in methods.values():
            names = [field["name"] for field in operation["parameters"]]
            seen.update(names)
            operation["parameters"] = [
                field
                for field in operation["parameters"]
                if field.get("required") or seen[field["name"]] <= _OPERATIONS_OF_A_PARAMETER
            ]
    return schemathesis.openapi.from_dict(description)


@pytest.fixture(scope="module")
def valid_api() -> schemathesis.BaseSchema:
    """Makes requests that match the description; the others are refused with and without data."""
    schema = schemathesis.openapi.from_dict(_DESCRIPTION)
    schema.config.generation.modes = [schemathesis.GenerationMode.POSITIVE]
    schema.config.phases.coverage.enabled = False  # The other test has a request for each rule.
    return schema


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@_API.parametrize()
@settings(max_examples=6, **_SEEDED)
def test_any_request_gets_an_answer_as_described(
    case: schemathesis.Case, servers: Servers, session: requests.Session
) -> None:
    case.call_and_validate(base_url=servers.open, session=session, excluded_checks=_BY_VALUE)


@_VALID_API.include(method="GET").parametrize()
@settings(max_examples=5, **_SEEDED)
def test_requests_for_stored_data_get_answers_as_described(
    case: schemathesis.Case, servers: Servers, session: requests.Session
) -> None:
    for name in case.path_parameters:
        case.path_parameters[name] = _KNOWN[name]
    if isinstance(case.query, dict):
        case.query.update((k, v) for k, v in WINDOW.items() if k in case.operation.query)
    case.call_and_validate(base_url=servers.open, session=session, excluded_checks=_BY_VALUE)


@pytest.mark.parametrize(("method", "path"), _OPERATIONS)
def test_without_a_token_every_operation_is_refused_as_described(
    servers: Servers, session: requests.Session, method: str, path: str
) -> None:
    url = servers.closed + path.format(**_KNOWN)

    def status(**headers: str) -> int:
        with session.request(method, url, headers=headers, stream=True) as response:
            return response.status_code

    assert status() == status(Authorization="Bearer jmmc_wrong") == 401
    assert "401" in _DESCRIPTION["paths"][path][method]["responses"]
    assert status(Authorization=f"Bearer {servers.token}") not in (401, 403)


def test_the_reference_shows_what_is_in_backticks_as_code() -> None:
    content = reference_content(_DESCRIPTION)
    assert "`" not in content
    assert "by <code>sort</code>" in content
