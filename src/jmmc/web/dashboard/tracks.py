"""The tracks below a session's timeline: states, events and values over the same time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from jmmc.quality.summary import CallEvent, Summary


class TrackSpan(NamedTuple):
    """A part of a track in Unix seconds; `value` is what held then, "" for a state."""

    start: int
    end: int
    value: str = ""


class Track(NamedTuple):
    """One row: `spans` of a state or of values, or the `moments` of an event.

    `name` is the key of its text. `kind` is "state", "value" or "event".
    """

    name: str
    kind: str
    spans: tuple[TrackSpan, ...] = ()
    moments: tuple[int, ...] = ()

    @property
    def values(self) -> list[TrackSpan]:
        """The spans where the value is another one than before: a gap changes nothing."""
        return [next(spans) for _, spans in groupby(self.spans, key=lambda span: span.value)]

    @property
    def seconds(self) -> int:
        """How long the state held in all."""
        return sum(span.end - span.start for span in self.spans)


STATES: tuple[tuple[str, str, str], ...] = (
    ("interrupted", "restored", "interrupted"),
    ("offline", "online", "offline"),
    ("muted_audio", "unmuted_audio", "muted_audio"),
    ("muted_video", "unmuted_video", "muted_video"),
    ("audio_only", "audio_only_off", "audio_only"),
    ("share_began", "share_ended", "screen share"),
)
"""The event that begins a state, the one that ends it, and the name of its track."""

EVENTS: tuple[str, ...] = (
    *("reconnected", "ice_restart", "media_restart", "channel_closed", "slept", "suspended"),
    *("bridge_changed", "region_changed", "p2p", "jvb", "path"),
    *("mic_changed", "cam_changed", "speaker_changed", "mic_denied", "cam_denied"),
    *(
        "mic_missing",
        "cam_missing",
        "mic_failed",
        "cam_failed",
        "no_audio_input",
        "no_track_data",
        "no_picture",
    ),
    *("noisy_mic", "talk_while_muted", "last_n", "speaking"),
)
"""The events that have a track of their own, the most telling first."""

TELLING = frozenset(
    (
        *("interrupted", "offline", "reconnected", "ice_restart", "media_restart"),
        *("channel_closed", "bridge_changed", "region_changed", "slept", "suspended"),
    )
)
"""The events of a connection: they are marked even where there is no room for all."""

_ALWAYS = ("region", "bridge", "transport", "codec")
_CHANGING = ("network", "provider", "country", "microphone", "camera", "speaker")
_CURVES = (("network_type", "network type"), ("codec_audio", "audio codec"))
_MOST_TRACKS = 16
_MOST_SPANS = 200  # Of one track.


def tracks_of(
    summary: Summary,
    events: Sequence[CallEvent],
    times: Sequence[int],
    curves: Mapping[str, Sequence[Any]],
) -> list[Track]:
    """The tracks of a session: states, then events, then values, of which it has any."""
    began, ended = summary.began, summary.ended
    known = {name for state in STATES for name in state[:2]} | {*EVENTS}
    moments: dict[str, list[int]] = {}
    for at, what in events:
        moments.setdefault(what, []).append(at)
    states = [
        Track(name, "state", tuple(_spans_between(events, began_by, ended_by, began, ended)))
        for began_by, ended_by, name in STATES
    ]
    hidden = (
        TrackSpan(span.start, span.end)
        for span in _spans_of_curve(times, curves.get("page_visible", ()))
        if span.value == "False"
    )
    states.append(Track("page hidden", "state", tuple(hidden)))
    happened = [
        Track(name, "event", moments=tuple(moments[name])) for name in EVENTS if name in moments
    ]
    happened += [
        Track(name, "event", moments=tuple(at)) for name, at in moments.items() if name not in known
    ]
    values = [Track(name, "value", tuple(_spans_of_dimension(summary, name))) for name in _ALWAYS]
    values += [
        Track(name, "value", tuple(_spans_of_dimension(summary, name)))
        for name in _CHANGING
        if len(summary.values_of(name)) > 1
    ]
    values += [
        Track(name, "value", tuple(_spans_of_curve(times, curves.get(column, ()))))
        for column, name in _CURVES
        # Without a video codec, the codec of the call is that of the audio.
        if column != "codec_audio" or "codec_video" in curves
    ]
    shown = [track for track in (*states, *happened) if track.spans or track.moments]
    held = [track for track in values if any(span.value for span in track.spans)]
    return [
        track._replace(spans=track.spans[:_MOST_SPANS], moments=track.moments[:_MOST_SPANS])
        for track in (*shown[: max(0, _MOST_TRACKS - len(held))], *held)
    ]


def event_log(summary: Summary, events: Sequence[CallEvent]) -> list[CallEvent]:
    """All that happened, from the join to the end; the end of a running session is not known."""
    log = [CallEvent(summary.began, "joined"), *events]
    if not summary.running:
        ended = f"failure {summary.failure}" if summary.outcome == "dropped" else "left"
        log.append(CallEvent(summary.ended, ended))
    return log


def _spans_between(
    events: Iterable[CallEvent], began_by: str, ended_by: str, began: int, ended: int
) -> Iterator[TrackSpan]:
    """Yield the spans from one event to the other; what ends without a beginning held before."""
    since: int | None = None
    ended_before = False
    for at, what in events:
        if what == began_by and since is None:
            since = at
        elif what == ended_by and (since is not None or not ended_before):
            yield TrackSpan(began if since is None else since, at)
            since = None
        ended_before = ended_before or what in (began_by, ended_by)
    if since is not None:
        yield TrackSpan(since, max(since, ended))


def _spans_of_dimension(summary: Summary, dimension: str) -> Iterator[TrackSpan]:
    if not (summary.segments and dimension in summary.segments[0].values):
        yield TrackSpan(summary.began, summary.ended, getattr(summary, dimension))
        return
    for value, segments in groupby(summary.segments, key=lambda part: part.values[dimension]):
        first, *rest = segments
        yield TrackSpan(first.start, (rest or [first])[-1].end, value)


def _spans_of_curve(times: Sequence[int], values: Sequence[Any]) -> Iterator[TrackSpan]:
    """Yield the spans of a curve whose values are words; unknown time is left out."""
    places = range(min(len(times), len(values)) - 1)
    for value, group in groupby(places, key=lambda place: values[place]):
        first, *rest = group
        if value is not None:
            yield TrackSpan(times[first], times[(rest or [first])[-1] + 1], str(value))
