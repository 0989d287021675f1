"""Where `jmmc top` reads: a store, or the API of a running server. Both give the same document."""

import asyncio
import time
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec
import urllib3

from jmmc.alerting.evaluator import firing
from jmmc.answers.queries import Queries
from jmmc.answers.serialization import encode
from jmmc.cli.common import configured_rhythm, existing_store
from jmmc.core.errors import JmmcError
from jmmc.core.outgoing import pool_for, without_credentials
from jmmc.core.version import __version__
from jmmc.quality.filters import IncidentFilter, SummaryFilter
from jmmc.quality.summary import Summary

_MOST_SESSIONS = 1000  # Running sessions among which the worst are sought.
_PAGE = 200
_INCIDENTS = 10
_SHOWN = 50  # Participants of a document.
_RECENT = "15m"  # A running session has a sample within it.
_TIMEOUT = urllib3.Timeout(connect=5, read=10)
_GRADES = ("unknown", "good", "fair", "poor")

Document = dict[str, Any]
"""`live`, `participants`, `incidents` and `alerts`, as the API returns them.

`participants` are running sessions, those with most problems first, and `last_sample` is the time
of the newest sample of any; None without running sessions.
"""


class TopError(JmmcError):
    """The server does not answer; the message says what to do."""


class TopSource(Protocol):
    """Reads documents, all in the same thread."""

    name: str

    def read(self) -> Document:
        """Read the present state. Raises `JmmcError`."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class StoreSource:
    """Reads a store, which is opened for reading only and stays open."""

    def __init__(self, url: str, collection: str, name: str) -> None:
        self.name = name
        self._store = existing_store(url, collection, read_only=True)
        self._queries = Queries(self._store, rhythm=configured_rhythm(), clock=time.time)
        self._runner = asyncio.Runner()

    def read(self) -> Document:
        """See `TopSource`."""
        return self._runner.run(self._read())

    def close(self) -> None:
        """See `TopSource`."""
        self._runner.run(self._store.close())
        self._runner.close()

    async def _read(self) -> Document:
        await self._store.open()
        running: list[Summary] = []
        after: tuple[int, str] | None = None
        while len(running) < _MOST_SESSIONS:
            part = await self._store.reports.summaries(
                SummaryFilter(running=True), limit=_PAGE, after=after
            )
            running += part
            if len(part) < _PAGE:
                break
            after = (part[-1].began, part[-1].session)
        incidents = await self._queries.incidents(
            IncidentFilter(running=True), limit=_INCIDENTS, order="affected"
        )
        answers = {
            "live": await self._queries.live(),
            "participants": running,
            "incidents": list(incidents.items),
            "alerts": await firing(self._store.reports),
        }
        document = msgspec.json.decode(encode(answers), type=dict[str, Any])
        return _document(document)


class ServerSource:
    """Reads the API of a running server. `token` is a bearer token, or None."""

    def __init__(self, url: str, token: str | None) -> None:
        base, headers = without_credentials(url.rstrip("/"))
        self.name = base
        self._base = f"{base}/api/v1"
        self._headers = {**headers, "user-agent": f"jmmc-top/{__version__}"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._pool = pool_for(base, timeout=_TIMEOUT, retries=False)

    def read(self) -> Document:
        """See `TopSource`."""
        sessions: list[Any] = []
        cursor: str | None = ""
        while cursor is not None and len(sessions) < _MOST_SESSIONS:
            more = {"cursor": cursor} if cursor else {}
            page = self._get("/sessions", since=_RECENT, limit=_PAGE, **more)
            sessions += [session for session in page["items"] if session["running"]]
            cursor = page["next"]
        incidents = self._get("/incidents", running="true", limit=_INCIDENTS)
        answers = {
            "live": self._get("/live"),
            "participants": sessions,
            "incidents": incidents["items"],
            "alerts": self._get("/alerts"),
        }
        return _document(answers)

    def close(self) -> None:
        """See `TopSource`."""
        self._pool.clear()

    def _get(self, path: str, **query: Any) -> Any:
        url = f"{self._base}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            response = self._pool.request("GET", url, headers=self._headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise TopError(f"{self.name}: no answer ({type(error).__name__})") from error
        if response.status in (401, 403):
            raise TopError(
                f"{self.name}: a token is needed: jmmc token create top --scope read, then --token"
            )
        try:
            if response.status != 200:
                raise ValueError
            return response.json()
        except ValueError:
            raise TopError(
                f"{self.name} answered {path} with status {response.status}: give the URL of the"
                " dashboard"
            ) from None


def _document(answers: Document) -> Document:
    sessions = answers["participants"]
    last = max((session["last"] for session in sessions), default=None)
    return {**answers, "participants": worst_first(sessions), "last_sample": last}


def worst_first(sessions: list[Any]) -> list[Any]:
    """The running sessions with most problems: by the grade now, then by the share of time.

    Each gets `grade_now` and `affected_share`, which is of the time whose grade is known, or None.
    Of a person in several tabs it has the session with most problems.
    """
    for session in sessions:
        spans = session["grade_spans"]
        # All times are ISO 8601 in UTC: they compare as texts.
        grades = [span["grade"] for span in spans if span["start"] < session["last"]]
        session["grade_now"] = grades[-1] if grades else "unknown"
        affected = session["fair"] + session["poor"]
        known = session["good"] + affected
        session["affected_share"] = affected / known if known else None
    worst: dict[str, Any] = {}
    for session in sorted(sessions, key=_badness):
        worst.setdefault(session["participant_id"], session)
    return list(worst.values())[:_SHOWN]


def _badness(session: Any) -> tuple[Any, ...]:
    share = session["affected_share"]
    grade = _GRADES.index(session["grade_now"])
    return -grade, -(share if share is not None else -1.0), session["began"], session["session"]
