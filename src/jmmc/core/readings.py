"""Every reading, defined once: its key, its values, its names, and where it is shown.

A reading is one value of a sample: a browser sends it, the server adds it, or the timeline derives
it. `READINGS` is the protocol's table. From its rows come the decoders (`protocol.decoding`), the
columns of timelines, the metrics and properties of summaries and the reasons of grades
(`quality`), the measures for monitoring (`maintenance`), the charts (`web.dashboard`) and the
table in `docs/reference/protocol.md`. Tests hold the browser script to the rest.

It is in `core` because all those wings read it, and the lowest of them may import `core` only. It
holds data: what msgspec decodes is worked out in `protocol`, what is drawn in `web`.
"""

from collections.abc import Mapping
from enum import Enum, IntEnum, auto

from msgspec import Struct

from jmmc.core.model import Dialect

LARGEST = 2**53 - 1
"""The largest integer that JavaScript, BSON doubles and SQLite all keep exactly."""


class Number(Struct, frozen=True):
    """A finite number from `least` to `most`; `unit` is its unit of measurement."""

    unit: str
    least: int = 0
    most: int = LARGEST
    whole: bool = False


class Text(Struct, frozen=True):
    """A string of at most `longest` characters."""

    longest: int


class Pattern(Struct, frozen=True):
    """A string that matches a regular expression; `described` says in words which do."""

    expression: str
    described: str


class Choice(Struct, frozen=True):
    """One of a few strings."""

    values: tuple[str, ...]


class Flag(Struct, frozen=True):
    """A boolean."""


class Address(Struct, frozen=True):
    """IPv4 as an unsigned 32-bit integer; with `ipv6` also IPv6 as a string."""

    ipv6: bool


class Events(Struct, frozen=True):
    """A list of at most `most` events.

    An event is a name of at most `longest` characters, at the moment of the sample; or a list of
    such a name and its age, the seconds from the event to the moment of the sample.
    """

    most: int
    longest: int


class Senders(Struct, frozen=True):
    """A list of at most `most` senders whose media arrive badly, the worst first.

    A sender is a list of its endpoint id (at most `longest` characters) and four percentages, whole
    numbers or null: audio lost, audio concealed, video lost, video frozen.
    """

    most: int
    longest: int


Values = Number | Text | Pattern | Choice | Flag | Address | Events | Senders
"""What a reading may be."""


class Source(Enum):
    """Where a reading comes from.

    STAY: the browser, about who and where it is, and how the stay began and ended. STATS: the
    browser, from the statistics of the call. EVENT: the browser, something that happened.
    SERVER: the collector adds it. TIMELINE: derived from events.
    """

    STAY = auto()
    STATS = auto()
    EVENT = auto()
    SERVER = auto()
    TIMELINE = auto()


class Subject(IntEnum):
    """What a reading is about. Columns of timelines are in this order."""

    IDENTITY = auto()
    JOIN = auto()
    QUALITY = auto()
    UPLINK = auto()
    DOWNLINK = auto()
    ROUND_TRIP = auto()
    TRANSPORT = auto()
    ADDRESS = auto()
    NETWORK = auto()
    VIDEO = auto()
    CODEC = auto()
    PAGE = auto()
    MACHINE = auto()
    DEVICE = auto()
    RATING = auto()
    EVENTS = auto()


class Metric(Struct, frozen=True):
    """A reading whose quantiles a summary has: their name, and their place among the others.

    The places are those of stored summaries.
    """

    place: int
    name: str


class Series(Struct, frozen=True):
    """One curve in a chart: the chart's title, the curve's label, and its place among the others.

    The titles are those of `web.dashboard.charts`.
    """

    chart: str
    label: str
    place: int = 0


class Reading(Struct, frozen=True):
    """One row of the table.

    `path` is the key in a sample, with its group: `u.bw`. `column` is the name in exports and in
    the API, with the unit at its end; only events have none. `meaning` is a sentence without its
    full stop; rows with the same one are one row in the docs.

    `since` is the first dialect that has the reading. `values` are those of dialect v2, where
    `null` says that the value is not known any more; `v1` those of dialect v1 where they are
    others, and `null_in_v1` says whether `null` is one of them.

    `averaged`: a sample holds the mean since the sample before, not the last value.
    `lasts`: known while the connection is interrupted. It is asked of STATS only: the browser
    always knows who and where it is.

    `metric` and `chart` say where numbers are summed up and drawn. `summary` is the field of
    `Summary` that depends on the values that held longest, "" for none. `reason` is the reason of
    a grade that looks at the reading (`quality.thresholds`).
    """

    path: str
    subject: Subject
    source: Source
    values: Values
    column: str
    meaning: str
    since: Dialect = Dialect.V2
    v1: Values | None = None
    null_in_v1: bool = False
    averaged: bool = False
    lasts: bool = False
    metric: Metric | None = None
    chart: Series | None = None
    summary: str = ""
    reason: str = ""


_V1 = Dialect.V1
_STAY, _STATS, _EVENT = Source.STAY, Source.STATS, Source.EVENT
_SERVER, _TIMELINE = Source.SERVER, Source.TIMELINE

_PERCENT = Number("%", most=100)
_KBPS = Number("kbit/s")
_MS = Number("ms")
_FPS = Number("frames/s")
_PIXELS = Number("pixels")
_COUNT = Number("")
_PORT = Number("", most=65535, whole=True)
_CANDIDATE = Choice(("host", "srflx", "prflx", "relay"))
_TRANSPORT = Pattern(
    r"^(relay|(relay[-/])?(udp|tcp|tls))\Z",
    "`udp`, `tcp`, `tls`, `relay`, `relay/udp` and the like",
)

TECHNICAL_FAILURES = (
    *("server_unreachable", "connection_lost", "ice_failed", "accept_timeout", "bridge_down"),
    *("focus_left", "offer_failed", "shutdown", "reload", "suspended", "other"),
)
"""Why a join failed, or a stay ended, that the service or the network answers for."""

MEDIA_FAILURES = ("ice_failed", "accept_timeout", "offer_failed", "bridge_down")
"""Those by which media does not come, or no longer comes, to somebody in the room."""

OTHER_FAILURES = (
    *("password", "lobby", "sign_in", "not_allowed", "room_full", "kicked", "room_closed"),
    "gave_up",
)
"""Why people did not come in, or had to go, by somebody's decision."""

_FAILURE = Choice(TECHNICAL_FAILURES + OTHER_FAILURES)

READINGS: tuple[Reading, ...] = (
    Reading(
        "br",
        Subject.IDENTITY,
        _STAY,
        Text(64),
        "browser",
        "Browser with its major version; without it the User-Agent header decides",
        since=_V1,
        summary="browser",
    ),
    Reading(
        "os",
        Subject.IDENTITY,
        _STAY,
        Text(64),
        "os",
        "Operating system with its major version; without it the User-Agent header decides",
        since=_V1,
        summary="os",
    ),
    Reading(
        "pid",
        Subject.IDENTITY,
        _STAY,
        Text(64),
        "endpoint_id",
        "Id of the participant in the room, new at each join",
        since=_V1,
        summary="endpoint_id",
    ),
    Reading(
        "fail",
        Subject.JOIN,
        _STAY,
        _FAILURE,
        "join_failure",
        "Why the join failed: then this is an attempt, and nobody was in the room",
    ),
    Reading(
        "drop",
        Subject.JOIN,
        _STAY,
        _FAILURE,
        "drop_reason",
        "Why the stay ended, where the participant did not leave",
    ),
    Reading(
        "set.ask",
        Subject.JOIN,
        _STAY,
        _MS,
        "setup_ask_ms",
        "From the start of the script until the join was asked for",
    ),
    Reading(
        "set.join",
        Subject.JOIN,
        _STAY,
        _MS,
        "setup_join_ms",
        "From asking to join until joined, or until that failed",
    ),
    Reading(
        "set.ice",
        Subject.JOIN,
        _STAY,
        _MS,
        "setup_ice_ms",
        "From joined until the media path was connected (ICE)",
    ),
    Reading(
        "set.med",
        Subject.JOIN,
        _STAY,
        _MS,
        "setup_media_ms",
        "From joined until the first media arrived",
    ),
    Reading(
        "name",
        Subject.IDENTITY,
        _STAY,
        Text(64),
        "name",
        "Who it is, as Jitsi knows it; with `identify` only",
        summary="name",
    ),
    Reading(
        "code",
        Subject.IDENTITY,
        _STAY,
        Pattern(r"^[0-9A-HJKMNP-TV-Z]{6}\Z", "six characters of Crockford's base 32"),
        "support_code",
        "Code that the participant can read out; with `support_code` only",
        summary="code",
    ),
    Reading(
        "cq",
        Subject.QUALITY,
        _STATS,
        Number("", most=100),
        "quality",
        "Jitsi's connection quality; 0 is a value",
        since=_V1,
        averaged=True,
        metric=Metric(0, "quality"),
        chart=Series("Connection quality", "quality"),
        reason="quality",
    ),
    Reading(
        "u.bw",
        Subject.UPLINK,
        _STATS,
        _KBPS,
        "up_bandwidth_kbps",
        "Estimated bandwidth, up and down",
        since=_V1,
        null_in_v1=True,
        averaged=True,
        metric=Metric(8, "up_bandwidth_kbps"),
        chart=Series("Estimated bandwidth", "up", 1),
    ),
    Reading(
        "u.ab",
        Subject.UPLINK,
        _STATS,
        _KBPS,
        "up_bitrate_audio_kbps",
        "Audio bitrate",
        since=_V1,
        averaged=True,
        chart=Series("Audio bitrate", "sent", 1),
    ),
    Reading(
        "u.vb",
        Subject.UPLINK,
        _STATS,
        _KBPS,
        "up_bitrate_video_kbps",
        "Video bitrate",
        since=_V1,
        averaged=True,
        metric=Metric(7, "up_video_kbps"),
        chart=Series("Video bitrate", "sent", 1),
    ),
    Reading(
        "u.pl",
        Subject.UPLINK,
        _STATS,
        _PERCENT,
        "up_loss_percent",
        "Packet loss",
        since=_V1,
        averaged=True,
        metric=Metric(3, "up_loss_percent"),
        chart=Series("Packet loss", "sent", 1),
        reason="loss",
    ),
    Reading(
        "u.apl",
        Subject.UPLINK,
        _STATS,
        _PERCENT,
        "up_audio_loss_percent",
        "Packet loss of the audio",
        averaged=True,
        metric=Metric(11, "up_audio_loss_percent"),
        chart=Series("Packet loss by kind", "audio sent", 1),
        reason="loss",
    ),
    Reading(
        "u.vpl",
        Subject.UPLINK,
        _STATS,
        _PERCENT,
        "up_video_loss_percent",
        "Packet loss of the video, without what was sent again",
        averaged=True,
        chart=Series("Packet loss by kind", "video sent", 3),
        reason="loss",
    ),
    Reading(
        "u.jit",
        Subject.UPLINK,
        _STATS,
        _MS,
        "up_jitter_ms",
        "Jitter of the audio",
        averaged=True,
        metric=Metric(5, "up_jitter_ms"),
        chart=Series("Jitter", "sent", 1),
        reason="jitter",
    ),
    Reading(
        "u.vjt",
        Subject.UPLINK,
        _STATS,
        _MS,
        "up_video_jitter_ms",
        "Jitter of the video",
        averaged=True,
        chart=Series("Jitter", "video sent", 3),
    ),
    Reading(
        "u.fr",
        Subject.UPLINK,
        _STATS,
        _FPS,
        "up_frame_rate_fps",
        "Frame rate: sent, and the best received",
        averaged=True,
        chart=Series("Frame rate", "sent", 1),
    ),
    Reading(
        "u.lim",
        Subject.UPLINK,
        _STATS,
        Choice(("none", "cpu", "bandwidth", "other")),
        "up_limitation",
        "What limits the sent video",
    ),
    Reading(
        "u.lcp",
        Subject.UPLINK,
        _STATS,
        _PERCENT,
        "up_limited_cpu_percent",
        "Share of the time in which CPU or bandwidth limited the sent video; 0 in its first 30 s",
        averaged=True,
        chart=Series("Limited video", "by the CPU"),
    ),
    Reading(
        "u.lbw",
        Subject.UPLINK,
        _STATS,
        _PERCENT,
        "up_limited_bandwidth_percent",
        "Share of the time in which CPU or bandwidth limited the sent video; 0 in its first 30 s",
        averaged=True,
        chart=Series("Limited video", "by the bandwidth", 1),
    ),
    Reading(
        "u.enc",
        Subject.MACHINE,
        _STATS,
        _MS,
        "encode_ms",
        "Time to encode a frame",
        averaged=True,
        chart=Series("Time for a frame", "encoding", 1),
    ),
    Reading(
        "u.pe",
        Subject.MACHINE,
        _STATS,
        Flag(),
        "encoder_power_efficient",
        "Whether encoder and decoder are power efficient, as those in hardware are",
    ),
    Reading(
        "d.bw",
        Subject.DOWNLINK,
        _STATS,
        _KBPS,
        "down_bandwidth_kbps",
        "Estimated bandwidth, up and down",
        since=_V1,
        null_in_v1=True,
        averaged=True,
        chart=Series("Estimated bandwidth", "down"),
    ),
    Reading(
        "d.ab",
        Subject.DOWNLINK,
        _STATS,
        _KBPS,
        "down_bitrate_audio_kbps",
        "Audio bitrate",
        since=_V1,
        averaged=True,
        chart=Series("Audio bitrate", "received"),
    ),
    Reading(
        "d.vb",
        Subject.DOWNLINK,
        _STATS,
        _KBPS,
        "down_bitrate_video_kbps",
        "Video bitrate",
        since=_V1,
        averaged=True,
        metric=Metric(6, "down_video_kbps"),
        chart=Series("Video bitrate", "received"),
    ),
    Reading(
        "d.pl",
        Subject.DOWNLINK,
        _STATS,
        _PERCENT,
        "down_loss_percent",
        "Packet loss",
        since=_V1,
        averaged=True,
        metric=Metric(2, "down_loss_percent"),
        chart=Series("Packet loss", "received"),
        reason="loss",
    ),
    Reading(
        "d.apl",
        Subject.DOWNLINK,
        _STATS,
        _PERCENT,
        "down_audio_loss_percent",
        "Packet loss of the audio",
        averaged=True,
        metric=Metric(10, "down_audio_loss_percent"),
        chart=Series("Packet loss by kind", "audio received"),
        reason="loss",
    ),
    Reading(
        "d.vpl",
        Subject.DOWNLINK,
        _STATS,
        _PERCENT,
        "down_video_loss_percent",
        "Packet loss of the video, without what was sent again",
        averaged=True,
        chart=Series("Packet loss by kind", "video received", 2),
        reason="loss",
    ),
    Reading(
        "d.jit",
        Subject.DOWNLINK,
        _STATS,
        _MS,
        "down_jitter_ms",
        "Jitter of the audio",
        averaged=True,
        metric=Metric(4, "down_jitter_ms"),
        chart=Series("Jitter", "received"),
        reason="jitter",
    ),
    Reading(
        "d.vjt",
        Subject.DOWNLINK,
        _STATS,
        _MS,
        "down_video_jitter_ms",
        "Jitter of the video",
        averaged=True,
        chart=Series("Jitter", "video received", 2),
    ),
    Reading(
        "d.fr",
        Subject.DOWNLINK,
        _STATS,
        _FPS,
        "down_frame_rate_fps",
        "Frame rate: sent, and the best received",
        averaged=True,
        chart=Series("Frame rate", "received"),
    ),
    Reading(
        "d.frz",
        Subject.DOWNLINK,
        _STATS,
        _PERCENT,
        "down_frozen_percent",
        "Share of the time for which the worst visible video was frozen",
        averaged=True,
        metric=Metric(9, "down_frozen_percent"),
        chart=Series("Frozen video, concealed audio", "video"),
        reason="frozen",
    ),
    Reading(
        "d.frs",
        Subject.DOWNLINK,
        _STATS,
        _COUNT,
        "down_frozen_streams",
        "Visible videos that were frozen for 1 % of the time or more",
        averaged=True,
        chart=Series("Streams with problems", "frozen video"),
    ),
    Reading(
        "d.cnc",
        Subject.DOWNLINK,
        _STATS,
        _PERCENT,
        "down_concealed_percent",
        "Share of the worst audible audio that was concealed (made up by the browser)",
        averaged=True,
        chart=Series("Frozen video, concealed audio", "audio"),
        reason="concealed",
    ),
    Reading(
        "d.cns",
        Subject.DOWNLINK,
        _STATS,
        _COUNT,
        "down_concealed_streams",
        "Audible audio streams of which 1 % or more was concealed",
        averaged=True,
        chart=Series("Streams with problems", "concealed audio", 1),
    ),
    Reading(
        "d.by",
        Subject.DOWNLINK,
        _STATS,
        Senders(most=3, longest=64),
        "down_worst_senders",
        "Whose media arrive worst: endpoint, audio lost and concealed, video lost and frozen (%)",
    ),
    Reading(
        "d.dec",
        Subject.MACHINE,
        _STATS,
        _MS,
        "decode_ms",
        "Time to decode a frame",
        averaged=True,
        chart=Series("Time for a frame", "decoding"),
    ),
    Reading(
        "d.drp",
        Subject.MACHINE,
        _STATS,
        _PERCENT,
        "dropped_frames_percent",
        "Frames that were received and dropped",
        averaged=True,
        chart=Series("Machine", "frames dropped"),
    ),
    Reading(
        "d.pe",
        Subject.MACHINE,
        _STATS,
        Flag(),
        "decoder_power_efficient",
        "Whether encoder and decoder are power efficient, as those in hardware are",
    ),
    Reading(
        "lt",
        Subject.MACHINE,
        _STATS,
        _PERCENT,
        "long_tasks_percent",
        "Share of the time in which the page was busy for 50 ms or more without a pause",
        averaged=True,
        chart=Series("Machine", "page busy", 1),
    ),
    Reading(
        "rtt",
        Subject.ROUND_TRIP,
        _STATS,
        _MS,
        "rtt_ms",
        "Round-trip time to the bridge or the peer",
        averaged=True,
        metric=Metric(1, "rtt_ms"),
        chart=Series("Round-trip time", "round trip"),
        reason="rtt",
    ),
    Reading(
        "t.ip",
        Subject.ADDRESS,
        _STATS,
        Address(ipv6=True),
        "remote_address",
        "Address of the remote end, the bridge or the peer",
        since=_V1,
        v1=Address(ipv6=False),
    ),
    Reading(
        "t.p",
        Subject.ADDRESS,
        _STATS,
        _PORT,
        "remote_port",
        "Port of the remote end",
        since=_V1,
    ),
    Reading(
        "t.lip",
        Subject.ADDRESS,
        _STATS,
        Address(ipv6=True),
        "local_address",
        "Address of the local end",
        since=_V1,
        v1=Address(ipv6=False),
    ),
    Reading(
        "t.lp",
        Subject.ADDRESS,
        _STATS,
        _PORT,
        "local_port",
        "Port of the local end",
        since=_V1,
    ),
    Reading(
        "t.rip",
        Subject.ADDRESS,
        _SERVER,
        Address(ipv6=True),
        "seen_address",
        "Address that the server saw; in the first and in each full sample",
        since=_V1,
        summary="address",
    ),
    Reading(
        "t.asn",
        Subject.ADDRESS,
        _SERVER,
        Text(64),
        "provider",
        "Provider of that address, as in `AS3215 Orange`; with `asn_database`, in v1 sessions too",
        summary="provider",
    ),
    Reading(
        "t.cc",
        Subject.ADDRESS,
        _SERVER,
        Text(2),
        "country",
        "Country of that address (ISO 3166-1); with `country_database`, in v1 sessions too",
        summary="country",
    ),
    Reading(
        "t.tp",
        Subject.TRANSPORT,
        _STATS,
        _TRANSPORT,
        "transport",
        "Transport protocol",
        since=_V1,
        v1=Choice(("udp", "tcp")),
        summary="transport",
    ),
    Reading(
        "t.sr",
        Subject.NETWORK,
        _STATS,
        Text(64),
        "server_region",
        "Region of the bridge; one of `authorized_regions` where that is set",
        since=_V1,
        lasts=True,
        summary="region",
    ),
    Reading(
        "t.brg",
        Subject.NETWORK,
        _STATS,
        Text(45),
        "bridge",
        "Address of the bridge, while the media do not go from peer to peer",
        summary="bridge",
    ),
    Reading(
        "t.p2p",
        Subject.TRANSPORT,
        _STATS,
        Flag(),
        "transport_p2p",
        "Whether media goes from peer to peer",
        summary="transport",
    ),
    Reading(
        "t.net",
        Subject.NETWORK,
        _STATS,
        Text(32),
        "network_type",
        "Kind of network, as the browser names it",
    ),
    Reading(
        "t.lct",
        Subject.NETWORK,
        _STATS,
        _CANDIDATE,
        "local_candidate",
        "Kind of ICE candidate, local and remote",
        summary="transport",
    ),
    Reading(
        "t.rct",
        Subject.NETWORK,
        _STATS,
        _CANDIDATE,
        "remote_candidate",
        "Kind of ICE candidate, local and remote",
        summary="transport",
    ),
    Reading(
        "res.h",
        Subject.VIDEO,
        _STATS,
        _PIXELS,
        "sent_height_px",
        "Resolution of the sent video, height and width",
        since=_V1,
        chart=Series("Sent video height", "sent"),
    ),
    Reading(
        "res.w",
        Subject.VIDEO,
        _STATS,
        _PIXELS,
        "sent_width_px",
        "Resolution of the sent video, height and width",
        since=_V1,
    ),
    Reading(
        "mer",
        Subject.VIDEO,
        _STATS,
        _PIXELS,
        "highest_height_px",
        "Height of the largest video that may be sent now",
        lasts=True,
    ),
    Reading(
        "cdc.a",
        Subject.CODEC,
        _STATS,
        Text(32),
        "codec_audio",
        "Codec of the sent audio and of the sent video",
        since=_V1,
        summary="codec",
    ),
    Reading(
        "cdc.v",
        Subject.CODEC,
        _STATS,
        Text(32),
        "codec_video",
        "Codec of the sent audio and of the sent video",
        since=_V1,
        summary="codec",
    ),
    Reading(
        "ev",
        Subject.EVENTS,
        _EVENT,
        Events(most=16, longest=16),
        "",
        "Events since the sample before, with their age where they are older than the sample",
    ),
    Reading(
        "vis",
        Subject.PAGE,
        _STAY,
        Flag(),
        "page_visible",
        "Whether the page is visible",
    ),
    Reading(
        "mid",
        Subject.IDENTITY,
        _STAY,
        Text(64),
        "jitsi_meeting_id",
        "Jitsi's id of the meeting, the same for all who are in it",
        summary="jitsi_meeting_id",
    ),
    Reading(
        "n",
        Subject.PAGE,
        _STAY,
        Number("", least=1, whole=True),
        "participants",
        "Participants in the room",
    ),
    Reading(
        "dev.mic",
        Subject.DEVICE,
        _STAY,
        Text(64),
        "microphone",
        "Microphone, camera and speaker by name; with `collect_devices` only",
        summary="microphone",
    ),
    Reading(
        "dev.cam",
        Subject.DEVICE,
        _STAY,
        Text(64),
        "camera",
        "Microphone, camera and speaker by name; with `collect_devices` only",
        summary="camera",
    ),
    Reading(
        "dev.spk",
        Subject.DEVICE,
        _STAY,
        Text(64),
        "speaker",
        "Microphone, camera and speaker by name; with `collect_devices` only",
        summary="speaker",
    ),
    Reading(
        "rate",
        Subject.RATING,
        _STAY,
        Number("", least=1, most=5, whole=True),
        "rating",
        "How the call was, from 1 to 5, as the participant said; with `ask_rating` only",
    ),
    Reading(
        "why",
        Subject.RATING,
        _STAY,
        Choice(("audio", "video", "delay", "dropped", "share", "other")),
        "rating_reason",
        "What was wrong, as the participant said; with `ask_rating` only",
    ),
    Reading(
        "interrupted",
        Subject.EVENTS,
        _TIMELINE,
        Flag(),
        "interrupted",
        "Whether the connection is interrupted, by the events `interrupted` and `restored`",
    ),
)
"""Every reading. The keys of a stored sample are in this order."""

BROWSER_READINGS: tuple[Reading, ...] = tuple(
    row for row in READINGS if row.source in (Source.STAY, Source.STATS, Source.EVENT)
)
"""Those that a browser may send."""

SERVER_READINGS: tuple[Reading, ...] = tuple(row for row in READINGS if row.source is Source.SERVER)
"""Those that the collector adds: a browser that sends one is refused it."""

COLUMNS: Mapping[str, Reading] = {
    row.column: row for row in sorted(READINGS, key=lambda row: row.subject) if row.column
}
"""The readings of a timeline by their column, in the order of the columns."""

METRICS: Mapping[str, str] = {
    metric.name: path
    for metric, path in sorted(
        ((row.metric, row.path) for row in READINGS if row.metric),
        key=lambda pair: pair[0].place,
    )
}
"""The paths of the readings that are summed up in quantiles, by the name of the metric."""
