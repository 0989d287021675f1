"""The health endpoints for supervisors and load balancers."""

from jmmc.collector import Collector
from jmmc.core.errors import StoreError
from jmmc.core.version import __version__
from jmmc.web.http import Request, Send, answer_json, encode


class HealthEndpoints:
    """`GET /healthz` and `GET /readyz` of one collector."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    async def healthz(self, request: Request, send: Send) -> None:
        """Answer that the process is up, with its counters of pushes since it started."""
        counters = self._collector.counters
        content = {
            "status": "up",
            "version": __version__,
            "pushes": {
                "accepted": counters.accepted,
                "trimmed": counters.trimmed,
                "rejected": dict(counters.rejected),
            },
            "clamped_ages": counters.clamped_ages,
        }
        await answer_json(send, 200, encode(content))

    def _background_problems(self) -> list[str]:
        """What is wrong beside the storing of pushes, which goes on."""
        problems = [
            f"background task {task.name} fails: {task.error}"
            for task in self._collector.background_tasks
            if task.error is not None
        ]
        if self._collector.disk.problem:
            problems.append(self._collector.disk.problem)
        days = self._collector.retention_pause
        if days is not None:
            problems.append(f"retention is paused: the clock is {days} days ahead of the data")
        return problems

    async def readyz(self, request: Request, send: Send) -> None:
        """Answer whether the store takes writes now; `spooling` while the database is away.

        `detail` says what is wrong beside that: failing background tasks, a disk that is nearly
        full, paused retention.
        """
        try:
            condition = await self._collector.check()
        except StoreError as error:
            content = {"status": "store_down", "detail": str(error)}
            await answer_json(send, 503, encode(content), [(b"retry-after", b"5")])
        else:
            ready: dict[str, object] = {"status": "ready", "waiting": self._collector.waiting}
            if condition.spooled is not None:
                ready |= {"status": "spooling", "spooled_bytes": condition.spooled}
            problems = self._background_problems()
            if problems:
                ready["detail"] = "; ".join(problems)
            if self._collector.disk.problem:
                ready["disk_free_bytes"] = self._collector.disk.free
            if condition.put_aside:
                ready["put_aside_samples"] = condition.put_aside
            await answer_json(send, 200, encode(ready))
