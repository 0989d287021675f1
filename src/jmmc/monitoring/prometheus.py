"""The instruments of one collector with their values, for the client library of Prometheus."""

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
from jmmc.maintenance.time_totals import MEASURES
from jmmc.monitoring.instruments import INSTRUMENTS, Instrument

_PATIENCE = 6.0  # Seconds: a database gets 5 by default, then the spool says that it is away.
_MEBIBYTE = 2**20
_SPREADS = {
    "jmmc_call_rtt_seconds": "rtt",
    "jmmc_call_loss_ratio": "loss",
    "jmmc_call_bitrate_bits_per_second": "bitrate",
    "jmmc_call_mos": "mos",
}

Value = tuple[Sequence[str], float]
GradeDistribution = tuple[Sequence[str], Histogram]


class Exposition(Exposed):
    """All figures of `collector` and of its process, in `registry`.

    `look` asks the store first: a registry cannot wait.
    """

    def __init__(self, collector: Collector, *, clock: Callable[[], float]) -> None:
        self._collector = collector
        self._clock = clock
        self._condition: Condition | None = None
        self._backlog: int | None = None
        self.registry = CollectorRegistry()
        self.registry.register(self)
        for of_the_process in (ProcessCollector, PlatformCollector, GCCollector):
            of_the_process(registry=self.registry)

    async def look(self) -> None:
        """See how the store is. Never fails, and takes six seconds at the most."""
        self._condition = self._backlog = None
        try:
            async with asyncio.timeout(_PATIENCE):
                self._condition = await self._collector.check()
                if self._collector.time_totals.leads and self._condition.spooled is None:
                    self._backlog = await self._collector.store.reports.backlog()
        except (StoreError, TimeoutError):
            pass  # That is a figure, too.

    def describe(self) -> list[Metric]:
        """Nothing needs to be asked to know our names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family, in the order of the instruments."""
        values, spreads = self._values(), self._spreads()
        for instrument in INSTRUMENTS:
            if instrument.kind == "histogram":
                yield _histogram(instrument, spreads[instrument.name])
            else:
                yield _plain(instrument, values.get(instrument.name, ()))

    def _values(self) -> Mapping[str, Sequence[Value]]:
        """By name of the instrument; what is not known is not there."""
        collector, counters, time_totals = (
            self._collector,
            self._collector.counters,
            self._collector.time_totals,
        )
        settings, condition = collector.settings, self._condition
        live_counts = time_totals.live_counts(self._clock())
        found: dict[str, Sequence[Value]] = {
            "jmmc_build_info": [((__version__, self._kind_of_store()), 1)],
            "jmmc_pushes": [
                (("accepted", ""), counters.accepted),
                (("trimmed", ""), counters.trimmed),
                *((("rejected", reason), n) for reason, n in counters.rejected.items()),
            ],
            "jmmc_first_pushes": [((script,), n) for script, n in counters.scripts.items()],
            "jmmc_clamped_ages": [((), counters.clamped_ages)],
            "jmmc_queue_pushes": [((), collector.waiting)],
            "jmmc_queue_limit_pushes": [((), settings.queue_limit)],
            "jmmc_store_up": [((), condition is not None)],
            "jmmc_store_errors": [((job,), n) for job, n in counters.store_errors.items()],
            "jmmc_spool_limit_bytes": [((), settings.spool_limit * _MEBIBYTE)],
            "jmmc_summaries_leader": [((), time_totals.leads)],
            "jmmc_call_seconds": [
                ((*place, grade.name.lower()), seconds)
                for place, grades in time_totals.seconds.items()
                for grade, seconds in grades.items()
            ],
            "jmmc_call_late_seconds": [((), time_totals.late)],
        }
        if condition is not None:
            found["jmmc_spooling"] = [((), condition.spooled is not None)]
            found["jmmc_spool_bytes"] = [((), condition.spooled or 0)]
            if condition.size is not None:
                found["jmmc_store_bytes"] = [((), condition.size)]
        if self._backlog is not None:
            found["jmmc_summaries_backlog"] = [((), self._backlog)]
        if live_counts is not None:
            found["jmmc_meetings"] = [((), live_counts.meetings)]
            found["jmmc_participants"] = [
                ((*place, grade.name.lower()), people)
                for (place, grade), people in live_counts.participants.items()
            ]
        return found

    def _spreads(self) -> Mapping[str, Sequence[GradeDistribution]]:
        counters, time_totals = self._collector.counters, self._collector.time_totals
        found: dict[str, list[GradeDistribution]] = {
            "jmmc_commit_seconds": [((), counters.commits)],
            "jmmc_batch_pushes": [((), counters.batches)],
        }
        for name, measured in _SPREADS.items():
            found[name] = [
                ((region, measure.direction) if measure.direction else (region,), spread)
                for region, spreads in time_totals.histograms.items()
                for measure, spread in zip(MEASURES, spreads, strict=True)
                if measure.name == measured
            ]
        return found

    def _kind_of_store(self) -> str:
        store = getattr(self._collector.store, "store", self._collector.store)  # Behind a spool.
        return type(store).__name__.removesuffix("Store").lower()


def _plain(instrument: Instrument, values: Sequence[Value]) -> Metric:
    kind = CounterMetricFamily if instrument.kind == "counter" else GaugeMetricFamily
    family = kind(instrument.name, instrument.description, labels=instrument.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _histogram(instrument: Instrument, spreads: Sequence[GradeDistribution]) -> Metric:
    family = HistogramMetricFamily(
        instrument.name, instrument.description, labels=instrument.labels
    )
    for labels, spread in spreads:
        buckets = [(_bound(value), n) for value, n in spread.cumulated()]
        family.add_metric(labels, buckets, spread.sum)
    return family


def _bound(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]
