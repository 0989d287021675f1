"""Questions to a running collector, over HTTP and by the command line.

Where the specification names a figure but not its field, the names that would do are listed here.
"""

import json
import re
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.oracle.expected import Totals
from tests.support.commands import jmmc

# The first of these names that an answer has is taken.
PEAK_PEOPLE = ("peak_people", "peak_participants", "peak")
PEAK_CONNECTIONS = ("peak_connections",)
PEOPLE = ("people", "participants")
CONNECTIONS = ("connections", "sessions")
PARTIAL = ("partial",)
TIME_ZONE = "tz"  # Parameter of /api/v1/usage.
KNOWN_SECONDS = "seconds"  # Column of the timeline: for how long a row's readings are known.
CONNECTIONS_METRIC = "jmmc_connections"  # Beside jmmc_participants.


def figure(answer: dict[str, Any], names: Sequence[str]) -> Any:
    """The figure under the first of these names."""
    for name in names:
        if name in answer:
            return answer[name]
    pytest.fail(f"no {' or '.join(names)} in {sorted(answer)}")


def iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


class Asked:
    """One collector and its store."""

    def __init__(self, url: str, store: str, collection: str, folder: Path) -> None:
        place = urlsplit(url)
        self.root = f"{place.scheme}://{place.netloc}"
        self.folder = folder
        self.dropped: list[str] = []  # Readings that the collector refused.
        self._store = ("--store", store, "--collection", collection)

    def text(self, path: str, **parameters: Any) -> str:
        """The content at a path; times may be Unix seconds."""
        for name in ("since", "until"):
            if isinstance(parameters.get(name), int):
                parameters[name] = iso(parameters[name])
        query = urlencode(parameters)
        with urllib.request.urlopen(f"{self.root}{path}?{query}", timeout=30) as response:
            return str(response.read().decode())

    def api(self, path: str, **parameters: Any) -> Any:
        return json.loads(self.text(f"/api/v1/{path}", **parameters))

    def items(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        """All items of a list that is answered in pages."""
        items: list[dict[str, Any]] = []
        while True:
            page = self.api(path, limit=500, **parameters)
            if isinstance(page, list):
                return page
            items += page["items"]
            if not page.get("next"):
                return items
            parameters["cursor"] = page["next"]

    def cli(self, *arguments: Any) -> str:
        """The output of `jmmc`; times may be Unix seconds."""
        words = [iso(word) if isinstance(word, int) else word for word in arguments]
        done = jmmc(words[0], *self._store, *words[1:], folder=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def metrics(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        """Each metric of /metrics: its labels and its value."""
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for line in self.text("/metrics").splitlines():
            if not line.startswith("#"):
                name, labels, value = _METRIC.fullmatch(line).groups()  # type: ignore[union-attr]
                pairs = dict(_LABEL.findall(labels or ""))
                found.setdefault(name, []).append((pairs, float(value)))
        return found

    def sum_of(self, name: str, **labels: str) -> float:
        """The sum of the series of a metric that have these labels."""
        series = self.metrics().get(name, [])
        return sum(value for pairs, value in series if labels.items() <= pairs.items())

    def session(self, room: str, uid: str, since: int, until: int) -> dict[str, Any]:
        """The only session of a person in a room in a window, with all its detail."""
        (found,) = self.items("sessions", room=room, participant=uid, since=since, until=until)
        return dict(self.api(f"sessions/{found['session']}"))


_METRIC = re.compile(r"([a-z_]+)(?:\{(.*)\})? ([^ ]+)")
_LABEL = re.compile(r'([a-z_]+)="([^"]*)"')


def counted(grades: dict[str, Any]) -> tuple[int, int, int]:
    """Good, poor and unknown seconds of a field `grades`; nothing is fair here."""
    known = grades["known_seconds"]
    shares = [grades["good_share"] or 0, grades["poor_share"] or 0]
    assert not grades["fair_share"], grades
    return round(shares[0] * known), round(shares[1] * known), grades["unknown_seconds"]


def near(total: Totals, slack: int = 0) -> tuple[Any, Any, Any]:
    """What `counted` is to be. Shares have four decimals: of long times a second is lost."""
    rounding = total.seconds * 0.00005 + slack + 0.5
    good, poor = (pytest.approx(part, abs=rounding) for part in (total.good, total.poor))
    return good, poor, pytest.approx(total.unknown, abs=slack + 0.1)
