"""Errors that a browser meets: each is a page in the reader's language that leads back."""

import pytest

from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import Server
from tests.support.builders import call

_BROWSER = {"accept": "text/html,*/*;q=0.8", "accept-language": "fr"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "title"),
    [
        ("GET", f"/overview?region={'a' * 9000}", {}, 414, "Adresse trop longue"),
        ("GET", "/overview?a=1" + "&a=1" * 100, {}, 414, "Adresse trop longue"),
        ("GET", "/", {"cookie": f"x={'a' * 33_000}"}, 431, "Trop de données du navigateur"),
        ("GET", "/logout", {}, 405, "Méthode non autorisée"),
        ("GET", "/nothing", {}, 404, "Introuvable"),
    ],
)
async def test_a_refused_request_of_a_browser_gets_a_page(
    app: Server, method: str, path: str, headers: dict[str, str], status: int, title: str
) -> None:
    answer = await call(app, method, path, headers={**_BROWSER, **headers}, client="127.0.0.1")
    text = answer.body.decode()
    assert answer.status == status
    assert f"<h1>{title}</h1>" in text
    assert '<html lang="fr"' in text
    assert '<a href="/">Retour à la page en direct</a>' in text
    assert 'aria-current="page"' not in text
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    other = await call(app, method, path, headers=headers, client="127.0.0.1")
    assert other.status == status
    if status not in (404, 405):
        assert other.json["status"] == status, "other clients get JSON"


async def test_a_bug_is_a_page_with_the_request_that_the_log_names(
    app: Server, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.reports, "records", None)
    headers = {"x-request-id": "abc"}
    answer = await call(app, "GET", "/notes", headers={**_BROWSER, **headers}, client="127.0.0.1")
    text = answer.body.decode()
    assert (answer.status, answer.headers["x-request-id"]) == (500, "abc")
    assert "<h1>Erreur interne</h1>" in text
    assert "sous la requête abc" in text
    other = await call(app, "GET", "/notes", headers=headers, client="127.0.0.1")
    assert other.json["detail"] == "request abc in the log"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "the start must be earlier than the end (got 2026-09-22 12:00, 2026-09-21 12:00)"),
        ("fr", "le début doit précéder la fin (reçu\u00a0: 2026-09-22 12:00, 2026-09-21 12:00)"),
    ],
)
async def test_times_in_errors_are_in_the_zone_of_the_reader(
    app: Server, language: str, words: str
) -> None:
    path = "/overview?since=2026-09-22T10:00:00Z&until=2026-09-21T10:00:00Z"
    headers = {"accept-language": language, "cookie": "tz=Europe/Paris"}
    answer = await call(app, "GET", path, headers=headers, client="127.0.0.1")
    assert answer.status == 400
    assert words in answer.body.decode()


@pytest.mark.parametrize(
    ("language", "quoted"), [("en", "“&lt;b&gt;”"), ("fr", "«\u00a0&lt;b&gt;\u00a0»")]
)
async def test_what_was_typed_has_the_quotes_of_the_language(
    app: Server, language: str, quoted: str
) -> None:
    for path in ("/meetings?cause=<b>", "/meetings?min_minutes=<b>", "/overview?tz_name=<b>"):
        answer = await call(
            app, "GET", path, headers={"accept-language": language}, client="127.0.0.1"
        )
        assert answer.status == 400
        assert quoted in answer.body.decode(), path
