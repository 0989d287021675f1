"""Makes the summary of a session."""

from jmmc.core.model import Session
from jmmc.quality.accumulator import Formula, SessionAccumulator
from jmmc.quality.addresses import readable_address
from jmmc.quality.grading import added_reasons, number
from jmmc.quality.joins import media_came, outcome_of
from jmmc.quality.segments import segments_of_runs, text_of
from jmmc.quality.size_limits import bounded_spans, bounded_spells
from jmmc.quality.stay import (
    MOST_EVENTS,
    PathChanges,
    PathSeconds,
    call_events,
    longest_held,
    worst_senders,
)
from jmmc.quality.summary import CallEvent, Setup, Summary, WorstMinute
from jmmc.quality.thresholds import Preset
from jmmc.quality.timeline import Rhythm, State, Timeline

_STEPS = ("set.ask", "set.join", "set.ice", "set.med")


def summarize(
    session: Session, *, preset: Preset, rhythm: Rhythm, now: float | None = None
) -> Summary:
    """Summarize a session; `rhythm` and `now` as in `build_timeline`."""
    return sum_up(SessionAccumulator.of(session, Formula.of(preset, rhythm)), now)


def sum_up(accumulator: SessionAccumulator, now: float | None) -> Summary:
    """Summarize a session so far, to which nothing can be added afterwards."""
    ended, running = accumulator.finish(now)
    accumulated = accumulator.accumulated
    timeline, stay = accumulated.timeline, accumulated.stay
    call = accumulated.call.finish()
    said, known = stay.said, stay.known or 1
    values, segments = segments_of_runs(stay.runs, stay.joined)
    path = PathSeconds.of(stay)
    failure, drop = text_of(said.get("fail")), text_of(said.get("drop"))
    setup = _setup(said)
    had_media = media_came(setup, graded=call.good + call.fair + call.poor)
    rating = number(said, "rate")
    return Summary(
        session=accumulated.session,
        room=accumulated.room,
        browser_id=accumulated.browser_id,
        began=timeline.began,
        ended=ended,
        last=timeline.last,
        running=running,
        resumed=False,
        left=timeline.position.left,
        samples=accumulated.samples,
        gaps=timeline.gaps,
        formula=accumulator.formula.name,
        good=call.good,
        fair=call.fair,
        poor=call.poor,
        unknown=call.unknown,
        worst_minute=WorstMinute(*call.worst_minute) if call.worst_minute else None,
        quantiles=accumulated.quantiles.finish(),
        reasons=added_reasons(spell.reasons for spell in call.spells),
        spells=bounded_spells(call.spells),
        grade_spans=bounded_spans(accumulated.call.grade_spans),
        segments=segments,
        **values,
        relay_share=round(path.relay / known, 4),
        tcp_share=round(path.tcp / known, 4),
        p2p_share=round(path.p2p / known, 4),
        address=readable_address(longest_held(stay, "t.rip")),
        endpoint_id=text_of(longest_held(stay, "pid")),
        jitsi_meeting_id=text_of(longest_held(stay, "mid")),
        events=call_events(stay.events, stay.changes)[:MOST_EVENTS],
        outcome=outcome_of(
            failure=failure, drop=drop, tells=setup.join is not None, had_media=had_media
        ),
        failure=failure or drop,
        setup=setup,
        senders=worst_senders(stay),
        name=text_of(said.get("name")),
        code=text_of(said.get("code")),
        rating=None if rating is None else int(rating),
        rating_reason=text_of(said.get("why")),
    )


def events(timeline: Timeline) -> tuple[CallEvent, ...]:
    """The events that the browser reported, and each change of the network path, by time."""
    changes = PathChanges()
    for span in timeline.spans:
        if span.state is not None:
            changes.see(span.state, span.start)
    return call_events(timeline.events, changes)


def _setup(said: State) -> Setup:
    steps = [number(said, path) for path in _STEPS]
    return Setup(*[None if step is None else round(step) for step in steps])
