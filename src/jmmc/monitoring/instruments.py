"""Every figure that monitoring may see, defined once: for Prometheus, for OTLP, for the docs."""

from typing import Literal, NamedTuple

from jmmc.core.labels import OTHER, UNKNOWN

Kind = Literal["counter", "gauge", "histogram"]

_CALL = ("region", "browser", "transport")


class Instrument(NamedTuple):
    """One figure. A counter's series end in `_total`, a histogram's in `_bucket` and so on."""

    name: str
    kind: Kind
    description: str
    labels: tuple[str, ...] = ()


INSTRUMENTS: tuple[Instrument, ...] = (
    Instrument(
        "jmmc_build_info",
        "gauge",
        "Always 1; the version of the collector, and the kind of its store.",
        ("version", "store"),
    ),
    Instrument(
        "jmmc_pushes",
        "counter",
        "Pushes by what became of them, each counted once: accepted, trimmed (accepted less some"
        " readings) or rejected, with the reason.",
        ("outcome", "reason"),
    ),
    Instrument(
        "jmmc_first_pushes",
        "counter",
        "Admitted pushes that begin a session, by the version of the script in the browser.",
        ("script",),
    ),
    Instrument(
        "jmmc_clamped_ages",
        "counter",
        "Samples whose age was below 0 or above a day, and was clamped.",
    ),
    Instrument(
        "jmmc_commit_seconds",
        "histogram",
        "How long a batch of pushes took to get on stable storage.",
    ),
    Instrument("jmmc_batch_pushes", "histogram", "Pushes in a batch."),
    Instrument("jmmc_queue_pushes", "gauge", "Pushes that wait for their commit."),
    Instrument(
        "jmmc_queue_limit_pushes", "gauge", "Pushes that may wait; beyond, they are refused."
    ),
    Instrument("jmmc_store_up", "gauge", "Whether the store, or the spool, takes a write now."),
    Instrument(
        "jmmc_store_errors",
        "counter",
        "Failures of the store, by what was being done.",
        ("during",),
    ),
    Instrument(
        "jmmc_store_bytes",
        "gauge",
        "What the store takes on disk; unknown while it is away. The same for all collectors of"
        " a database: take max().",
    ),
    Instrument("jmmc_spooling", "gauge", "Whether pushes wait here because the database is away."),
    Instrument("jmmc_spool_bytes", "gauge", "What waits in the spool."),
    Instrument("jmmc_spool_limit_bytes", "gauge", "What the spool may hold."),
    Instrument(
        "jmmc_summaries_leader",
        "gauge",
        "Whether this collector keeps the summaries: one of those that share a database does,"
        " and it alone knows who is present.",
    ),
    Instrument(
        "jmmc_summaries_backlog",
        "gauge",
        "Sessions with samples that no summary knows yet; on MongoDB, documents. Told by the"
        " leader.",
    ),
    Instrument(
        "jmmc_participants",
        "gauge",
        "Participants at present, by the grade of their last moment. Told by the leader.",
        (*_CALL, "grade"),
    ),
    Instrument("jmmc_meetings", "gauge", "Meetings at present. Told by the leader."),
    Instrument(
        "jmmc_call_seconds",
        "counter",
        "Person-seconds in calls by grade, each counted once by one collector of all that share"
        " a database, when the next sample ends it.",
        (*_CALL, "grade"),
    ),
    Instrument(
        "jmmc_call_late_seconds",
        "counter",
        "Person-seconds that became known more than ten minutes afterwards, and so count in no"
        " other figure of calls.",
    ),
    Instrument(
        "jmmc_call_rtt_seconds",
        "histogram",
        "Round-trip time. Each known second of a participant counts once: so these are shares of"
        " time, as in all that follows.",
        ("region",),
    ),
    Instrument(
        "jmmc_call_loss_ratio",
        "histogram",
        "Share of packets lost, 0 to 1.",
        ("region", "direction"),
    ),
    Instrument(
        "jmmc_call_bitrate_bits_per_second",
        "histogram",
        "Audio and video together.",
        ("region", "direction"),
    ),
    Instrument(
        "jmmc_call_mos", "histogram", "The estimate of what is heard, 1 to 4.5.", ("region",)
    ),
)

LABELS: dict[str, str] = {
    "outcome": "`accepted`, `trimmed`, `rejected`",
    "reason": "the reasons of the [protocol](protocol.md); empty for what was not rejected",
    "script": f"at most 10 versions, `ancestor`, `{UNKNOWN}`, `{OTHER}`",
    "during": "`commit`, `summaries`, `retention`",
    "region": f"at most 20, and those of `authorized_regions`; `{UNKNOWN}`, `{OTHER}`",
    "browser": f"at most 10 families, without version; `{UNKNOWN}`, `{OTHER}`",
    "transport": f"at most 6, such as `udp`, `tcp`, `relay`, `p2p`; `{UNKNOWN}`, `{OTHER}`",
    "grade": "`good`, `fair`, `poor`, `unknown`",
    "direction": "`up`: what the participant sends; `down`: what it receives",
    "version": "that of the package",
    "store": "`sqlite`, `mongo`, or the class of a host's own",
}
"""What each label may say."""


def series_of(instrument: Instrument) -> tuple[str, ...]:
    """The names that its series have at Prometheus."""
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    return tuple(instrument.name + suffix for suffix in suffixes[instrument.kind])


def tables() -> str:
    """Instruments and labels, as in docs/monitoring.md."""
    lines = ["| metric | kind | labels | what it is |", "|---|---|---|---|"]
    for instrument in INSTRUMENTS:
        name = instrument.name + ("_total" if instrument.kind == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in instrument.labels)
        lines.append(f"| `{name}` | {instrument.kind} | {labels} | {instrument.description} |")
    lines += ["", "| label | values |", "|---|---|"]
    lines += [f"| `{label}` | {values} |" for label, values in LABELS.items()]
    return "\n".join(lines) + "\n"
