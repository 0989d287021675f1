"""All metrics and their labels, defined once: for Prometheus, for OTLP, for the docs."""

from typing import Literal, NamedTuple

from jmmc.core.label_values import OTHER, UNKNOWN

Kind = Literal["counter", "gauge", "histogram"]

_CALL = ("region", "browser", "transport")


class Instrument(NamedTuple):
    """One metric. A counter's series end in `_total`, a histogram's in `_bucket` and so on."""

    name: str
    kind: Kind
    description: str
    labels: tuple[str, ...] = ()


INSTRUMENTS: tuple[Instrument, ...] = (
    Instrument(
        "jmmc_build_info",
        "gauge",
        "Always 1; version of the collector and kind of its store, as labels.",
        ("version", "store"),
    ),
    Instrument(
        "jmmc_pushes",
        "counter",
        "Pushes by outcome, each counted once: accepted, trimmed (accepted without its invalid"
        " readings) or rejected, with the reason.",
        ("outcome", "reason"),
    ),
    Instrument(
        "jmmc_first_pushes",
        "counter",
        "Accepted pushes that start a session or report a failed join, by version of the browser"
        " script.",
        ("script",),
    ),
    Instrument(
        "jmmc_clamped_ages",
        "counter",
        "Samples whose age was below 0 or above one day and was clamped.",
    ),
    Instrument(
        "jmmc_refused_connections",
        "counter",
        "Connections closed at once because their address has too many.",
    ),
    Instrument(
        "jmmc_commit_seconds",
        "histogram",
        "Duration of a commit: from the start of a batch until it is on stable storage.",
    ),
    Instrument("jmmc_batch_pushes", "histogram", "Pushes per batch."),
    Instrument("jmmc_queue_pushes", "gauge", "Pushes waiting for their commit."),
    Instrument(
        "jmmc_queue_limit_pushes",
        "gauge",
        "Maximum number of waiting pushes; beyond it, pushes are rejected.",
    ),
    Instrument("jmmc_store_up", "gauge", "Whether the store, or the spool, accepts writes now."),
    Instrument(
        "jmmc_store_errors",
        "counter",
        "Store errors, by operation.",
        ("during",),
    ),
    Instrument(
        "jmmc_store_bytes",
        "gauge",
        "Size of the store on disk; absent while the store is unreachable. All collectors of a"
        " database report the same value: use max().",
    ),
    Instrument(
        "jmmc_disk_free_bytes",
        "gauge",
        "Free space of the disk of the SQLite file, of MongoDB or of the spool, whichever has"
        " least; absent while it is not known.",
    ),
    Instrument(
        "jmmc_disk_min_free_bytes",
        "gauge",
        "Free space below which new sessions are refused; below a quarter of it all pushes are.",
    ),
    Instrument(
        "jmmc_disk_full_seconds",
        "gauge",
        "Seconds until such a disk is full, by its growth in the last six hours; absent while it"
        " does not fill, and in the first hour after a start.",
    ),
    Instrument(
        "jmmc_background_task_failures",
        "counter",
        "Failures of background tasks; a task that fails is restarted after a pause.",
        ("task",),
    ),
    Instrument(
        "jmmc_background_task_failing",
        "gauge",
        "Whether a background task failed and has not run well since.",
        ("task",),
    ),
    Instrument(
        "jmmc_retention_paused",
        "gauge",
        "Whether retention deletes nothing because the clock is ahead of the data.",
    ),
    Instrument(
        "jmmc_spooling",
        "gauge",
        "Whether pushes go to the spool because the database is unreachable.",
    ),
    Instrument("jmmc_spool_bytes", "gauge", "Size of the data in the spool."),
    Instrument("jmmc_spool_limit_bytes", "gauge", "Maximum size of the spool."),
    Instrument(
        "jmmc_summaries_leader",
        "gauge",
        "Whether this collector leads: of the collectors that share a database, one makes rollups"
        " and finds incidents; summaries, participants and meetings are shared by room.",
    ),
    Instrument(
        "jmmc_summaries_backlog",
        "gauge",
        "Sessions (on MongoDB: documents) with samples that are not summarized yet. Reported by"
        " the leader.",
    ),
    Instrument(
        "jmmc_rollups_backlog",
        "gauge",
        "Hours whose sums do not have all summaries yet, so that overviews and comparisons lag"
        " behind lists. Reported by the leader.",
    ),
    Instrument(
        "jmmc_incidents_backlog",
        "gauge",
        "Hours in which problems have changed since their incidents were found. Reported by the"
        " leader.",
    ),
    Instrument(
        "jmmc_participants",
        "gauge",
        "Participants now, by their current grade. Each collector reports its rooms.",
        (*_CALL, "grade"),
    ),
    Instrument(
        "jmmc_connections",
        "gauge",
        "Connections now: a participant in two tabs has two. Each collector reports its rooms.",
    ),
    Instrument("jmmc_meetings", "gauge", "Meetings now. Each collector reports its rooms."),
    Instrument(
        "jmmc_call_seconds",
        "counter",
        "Person-seconds in calls by grade. Each is counted once, by one of the collectors that"
        " share a database, when the next sample arrives.",
        (*_CALL, "grade"),
    ),
    Instrument(
        "jmmc_bridge_call_seconds",
        "counter",
        "The same by the bridge that the media went through.",
        ("bridge", "grade"),
    ),
    Instrument(
        "jmmc_call_late_seconds",
        "counter",
        "Person-seconds reported more than ten minutes late; no other metric of calls counts them.",
    ),
    Instrument(
        "jmmc_call_rtt_seconds",
        "histogram",
        "Round-trip time. Each second of a participant with a known value is one observation, here"
        " and in the histograms below.",
        ("region",),
    ),
    Instrument(
        "jmmc_call_loss_ratio",
        "histogram",
        "Packet loss, 0 to 1.",
        ("region", "direction"),
    ),
    Instrument(
        "jmmc_call_bitrate_bits_per_second",
        "histogram",
        "Bit rate of audio and video together.",
        ("region", "direction"),
    ),
    Instrument(
        "jmmc_call_mos",
        "histogram",
        "Estimated mean opinion score (MOS) of received audio, 1 to 4.5.",
        ("region",),
    ),
    Instrument(
        "jmmc_joins",
        "counter",
        "Joins whose script tells how they went: joined, failed for a technical reason, or refused"
        " by a decision. Each is counted once, like seconds.",
        ("region", "outcome", "reason"),
    ),
    Instrument(
        "jmmc_stays_ended",
        "counter",
        "Ends of stays whose script tells how joins and stays go: the base of the drop rate.",
        ("region",),
    ),
    Instrument(
        "jmmc_drops",
        "counter",
        "Stays that a failure ended, by its reason.",
        ("region", "reason"),
    ),
    Instrument(
        "jmmc_join_seconds",
        "histogram",
        "Time from asking to join until the first media arrived; one observation for a join.",
        ("region",),
    ),
    Instrument(
        "jmmc_late_joins",
        "counter",
        "Joins, ends and drops reported more than ten minutes late; the counters above leave them"
        " out.",
    ),
)

LABELS: dict[str, str] = {
    "outcome": "of pushes: `accepted`, `trimmed`, `rejected`; of joins: `joined`, `failed`,"
    " `refused`",
    "reason": "of pushes: the reasons of the [protocol](protocol.md), empty unless"
    " rejected; of joins and drops: the values of"
    " [`fail` and `drop`](protocol.md#readings), empty for a join that succeeded",
    "script": f"at most 10 versions, `ancestor`, `{UNKNOWN}`, `{OTHER}`",
    "task": "`alerts`, `columns`, `compression`, `disk`, `erasures`, `incidents`, `load`, `otlp`,"
    " `packing`, `reports`, `retention`, `rollups`, `spool`, `summaries`, `usage`, `writer`",
    "during": "`commit`, `summaries`, `retention`, `packing`",
    "region": f"at most 20, and those of `authorized_regions`; `{UNKNOWN}`, `{OTHER}`",
    "bridge": f"at most 50 addresses of bridges, `p2p` from peer to peer; `{UNKNOWN}`, `{OTHER}`",
    "browser": f"at most 10 families, without version; `{UNKNOWN}`, `{OTHER}`",
    "transport": f"at most 6, such as `udp`, `tcp`, `relay`, `p2p`; `{UNKNOWN}`, `{OTHER}`",
    "grade": "`good`, `fair`, `poor`, `unknown`",
    "direction": "`up`: what the participant sends; `down`: what it receives",
    "version": "version of the package",
    "store": "`sqlite`, `mongo`, or the class of a host's own",
}
"""The values that each label may have."""


def series_of(instrument: Instrument) -> tuple[str, ...]:
    """Return the names of an instrument's series in Prometheus."""
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    return tuple(instrument.name + suffix for suffix in suffixes[instrument.kind])


def tables() -> str:
    """Return the tables of metrics and labels for docs/reference/metrics.md, in Markdown."""
    lines = ["| metric | type | labels | description |", "|---|---|---|---|"]
    for instrument in INSTRUMENTS:
        name = instrument.name + ("_total" if instrument.kind == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in instrument.labels)
        lines.append(f"| `{name}` | {instrument.kind} | {labels} | {instrument.description} |")
    lines += ["", "| label | values |", "|---|---|"]
    lines += [f"| `{label}` | {values} |" for label, values in LABELS.items()]
    return "\n".join(lines) + "\n"
