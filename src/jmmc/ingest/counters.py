"""Counters of one collector: what became of the pushes, and what the store failed in."""

import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from jmmc.core.errors import REASONS, Reason
from jmmc.core.histogram import Histogram
from jmmc.core.label_values import LabelValues

Job = Literal["commit", "summaries", "retention", "packing"]
"""What was being done when the store failed."""

V1_SCRIPT = "ancestor"
"""The label of the script of dialect v1, which sends no version."""

_COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BATCH_PUSHES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_SCRIPTS = 10  # Versions with a label value of their own.
_VERSION = re.compile(r"\d{1,4}(\.\w{1,8}){1,3}", re.ASCII)


class Counters:
    """Counts every push once: accepted, trimmed (accepted without some readings), or rejected.

    `commits` is a histogram of commit times (seconds), `batches` one of pushes per commit;
    `store_errors` counts failures of the store by job; `scripts` the first pushes of sessions by
    the version of the script that sent them; `script_loads` requests of pages for the script;
    `refused_connections` those beyond the limits of their address. No counter ever falls.
    """

    def __init__(self) -> None:
        self.accepted = 0
        self.trimmed = 0
        self.clamped_ages = 0
        self.script_loads = 0
        self.refused_connections = 0
        self.commits = Histogram(_COMMIT_SECONDS)
        self.batches = Histogram(_BATCH_PUSHES)
        self.store_errors: dict[Job, int] = dict.fromkeys(get_args(Job), 0)
        self._rejected: Counter[Reason] = Counter(dict.fromkeys(REASONS, 0))
        self._scripts: Counter[str] = Counter()
        self._versions = LabelValues(_SCRIPTS, [V1_SCRIPT])

    def reject(self, reason: Reason) -> None:
        """Count a push that was refused."""
        self._rejected[reason] += 1

    def commit(self, pushes: int, seconds: float) -> None:
        """Count a batch that is on stable storage."""
        self.commits.add(seconds)
        self.batches.add(pushes)

    def begin(self, script: str | None) -> None:
        """Count the first push of a session, by the version that its script sent."""
        known = script == V1_SCRIPT or _VERSION.fullmatch(script or "")
        self._scripts[self._versions.of(script if script and known else "")] += 1

    def fail(self, job: Job, seconds: float = 0.0) -> None:
        """Count a failure of the store in a job that took `seconds`."""
        self.store_errors[job] += 1

    @property
    def rejected(self) -> Mapping[Reason, int]:
        """Rejected pushes by reason; every reason is there, also with 0."""
        return MappingProxyType(self._rejected)

    @property
    def scripts(self) -> Mapping[str, int]:
        """First pushes of sessions by version of the script."""
        return MappingProxyType(self._scripts)
