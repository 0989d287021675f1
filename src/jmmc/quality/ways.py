"""Bad for whom: how the media of each participant of a meeting arrived at each other one.

A receiver's script names the senders whose media arrive worst, by endpoint id. With the sessions of
both ends, that is a way from one participant to another. Between two people each way is known; in a
larger meeting the pattern counts: who is received badly by most of the others, although these
receive others well, has likely a bad upload.
"""

from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest
from typing import Literal, NamedTuple

from msgspec import Struct

from jmmc.quality.signs import BAD_SENDER
from jmmc.quality.summary import Sender, Summary

FAIR = {**BAD_SENDER, "lost": 5.0}
"""Percentages beyond which a way is bad: those of `experience` for fair."""

_LONG_ENOUGH = 30  # Seconds, of a way that is bad, and of a way of which anything is said.
_TENTH = 10  # A way is also bad when it was for a tenth of the time that both were there.
_UPLOAD = 0.6  # Share of the receivers, as of a group that may be the cause of a problem.
_MOST_NAMED = 10  # Senders in a summary: in a meeting of more than twice as many, less than half.
_MOST_SENDERS = 20
_MOST_WAYS = 50
_MOST_IN_MATRIX = 12  # Senders, and receivers: those with most bad time.
_BY_KIND = "down_audio_loss_percent"  # Has quantiles where a script tells of kinds and senders.
_POOLED = "down_loss_percent"


class End(Struct, frozen=True):
    """One end of a way: the session, and what people see of its participant."""

    session: str
    who: str


class Way(Struct, frozen=True):
    """How media arrived from one session at another.

    `seconds` says for how long it was bad. The others are percentages, means over those seconds;
    `lost` is of all packets, where kinds are not known, and is exceeded for 5 % of the time. None
    where unknown, or not bad.
    """

    sender: End
    receiver: End
    state: Literal["bad", "fine", "unknown"]
    seconds: int = 0
    audio_lost: float | None = None
    concealed: float | None = None
    video_lost: float | None = None
    frozen: float | None = None
    lost: float | None = None

    @property
    def worst(self) -> list[tuple[str, float]]:
        """The percentages that are beyond the limits, the worst first."""
        values = ((name, getattr(self, name)) for name in FAIR)
        beyond = [(name, value) for name, value in values if value and value > FAIR[name]]
        return sorted(beyond, key=lambda row: -row[1] / FAIR[row[0]])


class Upload(Struct, frozen=True):
    """How the media of one session arrived at the others.

    Of `receivers`, who tell of it and receive most others well, `bad` received it badly: those in
    `at`, of which at most 10 are named. `kinds` are the names of the percentages that were bad.
    """

    sender: End
    receivers: int
    bad: int
    at: tuple[End, ...]
    kinds: tuple[str, ...]
    likely: bool


class Ways(Struct, frozen=True):
    """The ways of a meeting.

    `between_two`: two people met, and `ways` has every way; else the bad ones only. The longest bad
    ones are first; at most 50. `uploads` has the senders that arrived badly anywhere, at most 20.
    """

    between_two: bool
    ways: tuple[Way, ...] = ()
    uploads: tuple[Upload, ...] = ()


class WayMatrix(Struct, frozen=True):
    """How the media of each of `senders` arrived at each of `receivers`: those with most bad time.

    `rows` has a row for each receiver, with a way for each sender; None where both are the same
    person. `left_out` counts the sessions with a bad way that are in no row and no column.
    """

    senders: tuple[End, ...] = ()
    receivers: tuple[End, ...] = ()
    rows: tuple[tuple[Way | None, ...], ...] = ()
    left_out: int = 0


class _Pair(NamedTuple):
    sender: Summary
    receiver: Summary
    entry: Sender


def ways_of(sessions: Sequence[Summary]) -> Ways:
    """The ways between the sessions of a meeting."""
    between_two = len({session.browser_id for session in sessions}) == 2
    pairs = list(_bad_pairs(sessions))
    if between_two:
        each = sorted(
            _each_way(sessions, pairs), key=lambda way: (way.state != "bad", -way.seconds)
        )
        return Ways(True, tuple(each[:_MOST_WAYS]))
    longest = sorted(pairs, key=lambda pair: -pair.entry.seconds)[:_MOST_WAYS]
    return Ways(False, tuple(map(_bad_way, longest)), _uploads(sessions, pairs))


def matrix_of(sessions: Sequence[Summary]) -> WayMatrix:
    """Who received whom badly; empty between two people, where `ways_of` has every way."""
    pairs = list(_bad_pairs(sessions))
    if not pairs or len({session.browser_id for session in sessions}) <= 2:
        return WayMatrix()
    by_session = {session.session: session for session in sessions}
    bad = {(pair.sender.session, pair.receiver.session): pair for pair in pairs}
    senders = _most_bad((pair.sender.session, pair.entry.seconds) for pair in pairs)
    receivers = _most_bad((pair.receiver.session, pair.entry.seconds) for pair in pairs)
    rows = tuple(
        tuple(_cell(by_session[sender], by_session[receiver], bad) for sender in senders)
        for receiver in receivers
    )
    affected = {session for ends in bad for session in ends}
    return WayMatrix(
        tuple(_end(by_session[session]) for session in senders),
        tuple(_end(by_session[session]) for session in receivers),
        rows,
        len(affected - {*senders, *receivers}),
    )


def _most_bad(bad: Iterable[tuple[str, int]]) -> list[str]:
    """The sessions with most bad seconds, the worst first."""
    added: dict[str, int] = {}
    for session, seconds in bad:
        added[session] = added.get(session, 0) + seconds
    return nlargest(_MOST_IN_MATRIX, added, key=lambda session: (added[session], session))


def _cell(sender: Summary, receiver: Summary, bad: Mapping[tuple[str, str], _Pair]) -> Way | None:
    if sender.browser_id == receiver.browser_id:
        return None
    if pair := bad.get((sender.session, receiver.session)):
        return _bad_way(pair)
    telling = _BY_KIND in receiver.quantiles and len(receiver.senders) < _MOST_NAMED
    together = _shared(sender, receiver) >= _LONG_ENOUGH
    return Way(_end(sender), _end(receiver), "fine" if telling and together else "unknown")


def ways_with(ways: Ways, session: str) -> Ways:
    """Those of one session."""
    return Ways(
        ways.between_two,
        tuple(way for way in ways.ways if session in (way.sender.session, way.receiver.session)),
        tuple(upload for upload in ways.uploads if upload.sender.session == session),
    )


def _bad_pairs(sessions: Sequence[Summary]) -> Iterable[_Pair]:
    by_endpoint: dict[str, list[Summary]] = {}
    for session in sessions:
        if session.endpoint_id:
            by_endpoint.setdefault(session.endpoint_id, []).append(session)
    for receiver in sessions:
        for entry in receiver.senders:
            for sender in by_endpoint.get(entry.endpoint, ()):
                shared = _shared(sender, receiver)
                if sender.browser_id != receiver.browser_id and _is_bad(entry, shared):
                    yield _Pair(sender, receiver, entry)


def _each_way(sessions: Sequence[Summary], pairs: Iterable[_Pair]) -> Iterable[Way]:
    bad = {(pair.sender.session, pair.receiver.session): pair for pair in pairs}
    for sender in sessions:
        for receiver in sessions:
            if sender.browser_id == receiver.browser_id:
                continue
            if pair := bad.get((sender.session, receiver.session)):
                yield _bad_way(pair)
            elif _shared(sender, receiver) >= _LONG_ENOUGH:
                yield _way_of_all(sender, receiver)


def _way_of_all(sender: Summary, receiver: Summary) -> Way:
    """Between two people, all that arrives comes from the other one."""
    ends = _end(sender), _end(receiver)
    if _BY_KIND in receiver.quantiles:
        return Way(*ends, "fine")
    if not (pooled := receiver.quantiles.get(_POOLED)):
        return Way(*ends, "unknown")
    lost = pooled[-1]
    if lost is None or lost <= FAIR["lost"]:
        return Way(*ends, "fine")
    return Way(*ends, "bad", receiver.reasons.get("loss", 0), lost=lost)


def _uploads(sessions: Sequence[Summary], pairs: Sequence[_Pair]) -> tuple[Upload, ...]:
    received: dict[str, list[_Pair]] = {}
    sent: dict[str, list[_Pair]] = {}
    for pair in pairs:
        received.setdefault(pair.receiver.session, []).append(pair)
    own = {
        session
        for session, of_receiver in received.items()
        if _is_own_download(sessions, of_receiver)
    }
    for pair in pairs:
        if pair.receiver.session not in own:
            sent.setdefault(pair.sender.session, []).append(pair)
    most = sorted(sent.values(), key=lambda of_sender: (-len(of_sender), of_sender[0].sender.who))
    uploads = [_upload(sessions, of_sender, own) for of_sender in most[:_MOST_SENDERS]]
    return tuple(sorted(uploads, key=lambda upload: (not upload.likely, -upload.bad)))


def _is_own_download(sessions: Sequence[Summary], received: Sequence[_Pair]) -> bool:
    """Whether somebody receives more than half of the others badly."""
    if len(received) < 2 or len(sessions) > 2 * _MOST_NAMED:
        return False
    receiver = received[0].receiver
    senders = _others(sessions, receiver)
    return 2 * len({pair.sender.browser_id for pair in received}) > len(senders)


def _upload(sessions: Sequence[Summary], sent: Sequence[_Pair], own: set[str]) -> Upload:
    sender = sent[0].sender
    telling = {
        session.browser_id
        for session in sessions
        if session.session not in own
        and session.browser_id != sender.browser_id
        and _BY_KIND in session.quantiles
        and _shared(session, sender) >= _LONG_ENOUGH
    }
    bad: Mapping[str, Summary] = {pair.receiver.browser_id: pair.receiver for pair in sent}
    receivers = len(telling | {*bad})
    return Upload(
        _end(sender),
        receivers,
        len(bad),
        tuple(map(_end, bad.values()))[:_MOST_NAMED],
        tuple(dict.fromkeys(name for pair in sent for name, _ in _bad_way(pair).worst)),
        len(bad) >= 2 and len(bad) >= _UPLOAD * receivers,
    )


def _others(sessions: Iterable[Summary], receiver: Summary) -> set[str]:
    return {
        session.browser_id
        for session in sessions
        if session.browser_id != receiver.browser_id and _shared(session, receiver) >= _LONG_ENOUGH
    }


def _is_bad(entry: Sender, shared: int) -> bool:
    long_enough = entry.seconds >= min(_LONG_ENOUGH, shared / _TENTH)
    values = (entry.audio_lost, entry.concealed, entry.video_lost, entry.frozen)
    beyond = zip(values, BAD_SENDER.values(), strict=True)
    return long_enough and any(value is not None and value > limit for value, limit in beyond)


def _bad_way(pair: _Pair) -> Way:
    _, seconds, *shares = (getattr(pair.entry, name) for name in pair.entry.__struct_fields__)
    return Way(_end(pair.sender), _end(pair.receiver), "bad", seconds, *shares)


def _end(session: Summary) -> End:
    return End(session.session, session.who)


def _shared(session: Summary, other: Summary) -> int:
    return min(session.ended, other.ended) - max(session.began, other.began)
