"""The metrics of one collector, for the Prometheus client library."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector as Exposed
from prometheus_client.utils import floatToGoString

from jmmc.collector import Collector
from jmmc.core.errors import StoreError
from jmmc.core.histogram import Histogram
from jmmc.core.model import Condition
from jmmc.core.version import __version__
from jmmc.maintenance.call_time_metrics import MEASURES
from jmmc.maintenance.incidents import hours_to_find
from jmmc.maintenance.rollups import stale_hours
from jmmc.monitoring.instruments import INSTRUMENTS, Instrument

_TIMEOUT = 6.0  # Seconds: a database has 5 by default, then the spool reports its outage.
_MEBIBYTE = 2**20
_CALL_HISTOGRAMS = {
    "jmmc_call_rtt_seconds": "rtt",
    "jmmc_call_loss_ratio": "loss",
    "jmmc_call_bitrate_bits_per_second": "bitrate",
    "jmmc_call_mos": "mos",
}

Value = tuple[Sequence[str], float]
LabelledHistogram = tuple[Sequence[str], Histogram]


class Exposition(Exposed):
    """All metrics of `collector` and of its process, in `registry`.

    Call `refresh` before collecting: it awaits the store, which a registry cannot do.
    """

    def __init__(self, collector: Collector, *, clock: Callable[[], float]) -> None:
        self._collector = collector
        self._clock = clock
        self._condition: Condition | None = None
        self._backlogs: Mapping[str, int] = {}
        self.registry = CollectorRegistry()
        self.registry.register(self)
        for process_metrics in (ProcessCollector, PlatformCollector, GCCollector):
            process_metrics(registry=self.registry)

    async def refresh(self) -> None:
        """Read the state of the store. Never raises, and takes at most six seconds."""
        self._condition, self._backlogs = None, {}
        try:
            async with asyncio.timeout(_TIMEOUT):
                self._condition = await self._collector.check()
                if self._collector.call_time.leads and self._condition.spooled is None:
                    reports = self._collector.store.reports
                    self._backlogs = {
                        "jmmc_summaries_backlog": await reports.backlog(),
                        "jmmc_rollups_backlog": await stale_hours(reports),
                        "jmmc_incidents_backlog": await hours_to_find(reports),
                    }
        except (StoreError, TimeoutError):
            pass  # `jmmc_store_up` is 0 then.

    def describe(self) -> list[Metric]:
        """See `prometheus_client.registry.Collector`: nothing to describe before collecting."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family, in the order of `INSTRUMENTS`."""
        values, histograms = self._values(), self._histograms()
        for instrument in INSTRUMENTS:
            if instrument.kind == "histogram":
                yield _histogram_family(instrument, histograms[instrument.name])
            else:
                yield _family(instrument, values.get(instrument.name, ()))

    def _values(self) -> Mapping[str, Sequence[Value]]:
        """Return the values by name of the instrument, without those that are not known."""
        collector, counters, call_time = (
            self._collector,
            self._collector.counters,
            self._collector.call_time,
        )
        settings, condition = collector.settings, self._condition
        live_counts = call_time.live_counts(self._clock())
        values: dict[str, Sequence[Value]] = {
            "jmmc_build_info": [((__version__, self._kind_of_store()), 1)],
            "jmmc_pushes": [
                (("accepted", ""), counters.accepted),
                (("trimmed", ""), counters.trimmed),
                *((("rejected", reason), n) for reason, n in counters.rejected.items()),
            ],
            "jmmc_first_pushes": [((script,), n) for script, n in counters.scripts.items()],
            "jmmc_clamped_ages": [((), counters.clamped_ages)],
            "jmmc_refused_connections": [((), counters.refused_connections)],
            "jmmc_queue_pushes": [((), collector.waiting)],
            "jmmc_queue_limit_pushes": [((), settings.queue_limit)],
            "jmmc_store_up": [((), condition is not None)],
            "jmmc_store_errors": [((job,), n) for job, n in counters.store_errors.items()],
            "jmmc_background_task_failures": [
                ((task.name,), task.failures) for task in collector.background_tasks
            ],
            "jmmc_background_task_failing": [
                ((task.name,), task.error is not None) for task in collector.background_tasks
            ],
            "jmmc_disk_min_free_bytes": [((), collector.disk.floor)],
            "jmmc_retention_paused": [((), collector.retention_pause is not None)],
            "jmmc_spool_limit_bytes": [((), settings.spool_limit * _MEBIBYTE)],
            "jmmc_summaries_leader": [((), call_time.leads)],
            "jmmc_call_seconds": [
                ((*labels, grade.name.lower()), seconds)
                for labels, grades in call_time.seconds.items()
                for grade, seconds in grades.items()
            ],
            "jmmc_bridge_call_seconds": [
                ((bridge, grade.name.lower()), seconds)
                for bridge, grades in call_time.bridge_seconds.items()
                for grade, seconds in grades.items()
            ],
            "jmmc_call_late_seconds": [((), call_time.late)],
            "jmmc_joins": [(labels, joins) for labels, joins in call_time.joins.items()],
            "jmmc_stays_ended": [((region,), ends) for region, ends in call_time.ended.items()],
            "jmmc_drops": [(labels, drops) for labels, drops in call_time.drops.items()],
            "jmmc_late_joins": [((), call_time.late_joins)],
        }
        if collector.disk.free is not None:
            values["jmmc_disk_free_bytes"] = [((), collector.disk.free)]
        if collector.disk.until_full is not None:
            values["jmmc_disk_full_seconds"] = [((), collector.disk.until_full)]
        if condition is not None:
            values["jmmc_spooling"] = [((), condition.spooled is not None)]
            values["jmmc_spool_bytes"] = [((), condition.spooled or 0)]
            if condition.size is not None:
                values["jmmc_store_bytes"] = [((), condition.size)]
        values |= {name: [((), count)] for name, count in self._backlogs.items()}
        if live_counts is not None:
            values["jmmc_meetings"] = [((), live_counts.meetings)]
            values["jmmc_connections"] = [((), live_counts.connections)]
            values["jmmc_participants"] = [
                ((*labels, grade.name.lower()), people)
                for (labels, grade), people in live_counts.participants.items()
            ]
        return values

    def _histograms(self) -> Mapping[str, Sequence[LabelledHistogram]]:
        counters, call_time = self._collector.counters, self._collector.call_time
        histograms_by_name: dict[str, list[LabelledHistogram]] = {
            "jmmc_commit_seconds": [((), counters.commits)],
            "jmmc_batch_pushes": [((), counters.batches)],
            "jmmc_join_seconds": [
                ((region,), histogram) for region, histogram in call_time.setup.items()
            ],
        }
        for name, measure_name in _CALL_HISTOGRAMS.items():
            histograms_by_name[name] = [
                ((region, measure.direction) if measure.direction else (region,), histogram)
                for region, histograms in call_time.histograms.items()
                for measure, histogram in zip(MEASURES, histograms, strict=True)
                if measure.name == measure_name
            ]
        return histograms_by_name

    def _kind_of_store(self) -> str:
        store = self._collector.store
        store = getattr(store, "store", store)  # The store behind a spool.
        return type(store).__name__.removesuffix("Store").lower()


def _family(instrument: Instrument, values: Sequence[Value]) -> Metric:
    kind = CounterMetricFamily if instrument.kind == "counter" else GaugeMetricFamily
    family = kind(instrument.name, instrument.description, labels=instrument.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _histogram_family(instrument: Instrument, histograms: Sequence[LabelledHistogram]) -> Metric:
    family = HistogramMetricFamily(
        instrument.name, instrument.description, labels=instrument.labels
    )
    for labels, histogram in histograms:
        buckets = [(_bound(bound), count) for bound, count in histogram.cumulated()]
        family.add_metric(labels, buckets, histogram.sum)
    return family


def _bound(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]
