"""Likely causes: what is named, how surely, and when it is not."""

import sys
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest

from jmmc.core.model import Dialect, Session
from jmmc.quality.causes import Answer, Cause, Crowd, Records, likely_causes
from jmmc.quality.causes.answer import Verdict
from jmmc.quality.causes.incidents import Explained, Incident, incidents
from jmmc.quality.causes.records import Record, record_of_calls
from jmmc.quality.grading import Grade, Spell
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import CallEvent, GradeSpan, Summary
from jmmc.quality.thresholds import preset
from tests.support.builders import RHYTHM

_PLACES = {
    **{
        "network": "n{}",
        "provider": "",
        "region": "us",
        "bridge": "b-us",
        "browser": "Firefox 133",
    },
    **{"os": "Windows 11", "transport": "udp"},
}
_REASON = {"cut": "interrupted", "machine": "cpu", "media": "concealed", "delay": "rtt"}


def _person(
    number: int,
    *bad: tuple[int, int],
    signs: Sequence[str] = ("up", "down"),
    senders: Sequence[int] = (),
    **more: str,
) -> Summary:
    """Somebody who was there from 1000 to 2000, and had problems in some spans."""
    session = Session(f"{number:024}", "", f"uid-{number}", Dialect.V2, 1000, ())
    edges = [1000, *(moment for span in bad for moment in span), 2000]
    lane = tuple(
        GradeSpan(start, end, Grade.POOR if place % 2 else Grade.GOOD)
        for place, (start, end) in enumerate(pairwise(edges))
    )
    spells = tuple(
        Spell(
            start,
            end,
            Grade.POOR,
            {_REASON.get(signs[0], "loss"): end - start},
            dict.fromkeys(signs, end - start),
            dict.fromkeys((f"e{sender}" for sender in senders), end - start),
        )
        for start, end in bad
    )
    places = {name: value.format(number) for name, value in _PLACES.items()}
    return msgspec.structs.replace(
        summarize(session, preset=preset("experience"), rhythm=RHYTHM),
        **{"began": 1000, "ended": 2000, "grade_spans": lane, "spells": spells},
        **{"endpoint_id": f"e{number}", "good": 800, "poor": 200 if bad else 0},
        **{"room": f"room-{number}", **places, **more},
    )


def _answer(everybody: Sequence[Summary], records: Records | None = None) -> Answer:
    """The answer of the first one's first spell."""
    return likely_causes(
        everybody[0], everybody[0].spells[0], Crowd(everybody, 1000, 2000), records
    )


def _named(answer: Answer) -> tuple[str, str] | None:
    return (answer.likely.kind, answer.likely.value) if answer.likely else None


_BAD = (1400, 1600)


def _elsewhere(count: int = 16) -> list[Summary]:
    return [_person(500 + n, region="ap", bridge="b-ap") for n in range(count)]


def test_three_behind_one_wifi_are_the_network_and_not_the_first_one_alone() -> None:
    office = [_person(n, (1400 + 3 * n, 1600), network="office", room="r") for n in range(3)]
    answer = _answer([*office, *(_person(10 + n, room="r") for n in range(4)), *_elsewhere(12)])
    assert _named(answer) == ("network", "office")
    assert answer.causes[0].probability > 0.9
    assert (answer.causes[0].bad, answer.causes[0].known) == (2, 2)
    assert (answer.causes[0].others_bad, answer.causes[0].others_known) == (0, 16)


def test_of_a_meeting_of_thousands_the_sessions_of_each_network_are_compared_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jmmc.quality.causes.crowd._MOST_OF_MEETING", 3)
    made_up = [_person(n, room="r", network="one") for n in range(9)]
    honest = [_person(9, room="r"), _person(10, room="r")]
    assert Crowd([*made_up, *honest], 1000, 2000).in_room("r") == [0, 9, 10]


def test_of_thousands_of_problems_in_a_meeting_those_of_each_network_are_compared_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jmmc.quality.causes.crowd._MOST_PROBLEMS_OF_MEETING", 3)
    made_up = [
        _person(n, (1400, 1600), room="r", network="one", signs=("media",), senders=(50,))
        for n in range(9)
    ]
    honest = _person(9, (1400, 1600), room="r", signs=("media",), senders=(1,))
    namings = [*Crowd([*made_up, honest], 1000, 2000).namings("r", 1400, 1600)]
    assert [naming.receiver for naming in namings] == [1 << 0, 1 << 1, 1 << 9]


def test_a_whole_server_that_is_down_is_the_service() -> None:
    everybody = [
        _person(n, (1400 + n % 4, 1600), signs=("cut",), region=f"r{n % 3}", bridge=f"b{n % 6}")
        for n in range(32)
    ]
    assert _named(_answer(everybody)) == ("service", "")


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("region", {"region": "eu"}),
        ("bridge", {"bridge": "b-eu", "region": "eu"}),
        ("provider", {"provider": "AS64496 Cable"}),
    ],
)
def test_a_group_in_which_all_have_problems_at_once_is_named(
    kind: str, more: dict[str, str]
) -> None:
    places = [{"region": "us", "bridge": f"b-us-{n % 3}"} for n in range(8)]
    if kind == "provider":
        places = [{"region": f"r-{n % 3}", "bridge": f"b-{n % 3}"} for n in range(8)]
    affected = [_person(n, (1400 + n, 1600), **{**places[n], **more}) for n in range(8)]
    around = [_person(50 + n, region=f"r-{n % 3}", bridge=f"b-{n % 3}") for n in range(12)] + [
        _person(70 + n, region="eu", bridge="b-eu-2") for n in range(6 * (kind == "bridge"))
    ]
    answer = _answer([*affected, *around, *_elsewhere(20)])
    assert _named(answer) == (kind, more[kind])


def test_one_participant_with_loss_among_many_has_it_on_the_own_line() -> None:
    answer = _answer([_person(0, _BAD, signs=("up",)), *_elsewhere()])
    assert _named(answer) == ("line", "up")
    assert {fact.name for fact in answer.causes[0].facts} & {"sign up", "nobody else"}


def test_a_slow_machine_is_not_the_line() -> None:
    answer = _answer([_person(0, _BAD, signs=("machine",)), *_elsewhere()])
    assert _named(answer) == ("machine", "")


def test_a_browser_that_was_weak_for_days_is_named_by_its_record_and_its_users() -> None:
    weak = {"browser": "Chrome 130", "signs": ("machine",)}
    affected = [_person(n, (1100 + 40 * n, 1600 + 10 * n), **weak) for n in range(6)]  # type: ignore[arg-type]
    fine = [_person(20 + n, browser="Chrome 130") for n in range(8)]
    records = Records(
        Record(4_000_000, 160_000, 3000),
        {("browser", "Chrome 130"): Record(200_000, 80_000, 150)},
    )
    answer = _answer([*affected, *fine, *_elsewhere(51)], records)
    assert _named(answer) == ("browser", "Chrome 130")


def test_a_known_weak_browser_does_not_explain_lost_packets_of_its_users() -> None:
    records = Records(
        Record(4_000_000, 160_000, 3000),
        {("browser", "Chrome 130"): Record(200_000, 20_000, 150)},
    )
    everybody = [_person(0, _BAD, browser="Chrome 130", signs=("up",)), *_elsewhere()]
    assert _named(_answer(everybody, records)) == ("line", "up")


def test_what_all_others_of_a_meeting_receive_from_one_is_that_ones() -> None:
    receivers = [_person(n, _BAD, signs=("media",), senders=(9,), room="r") for n in range(4)]
    sender = _person(9, _BAD, signs=("up",), room="r")
    answer = _answer([*receivers, sender, *_elsewhere()])
    assert _named(answer) == ("other end", sender.session)
    own = _answer([sender, *receivers, *_elsewhere()])
    assert _named(own) == ("line", "up")


def test_in_a_call_of_two_through_a_bridge_loss_is_at_the_end_that_measured_it() -> None:
    first = _person(0, _BAD, signs=("media",), senders=(1,), room="r")
    second = _person(1, _BAD, signs=("up",), room="r")
    assert _named(_answer([first, second])) == ("other end", second.session)
    assert _named(_answer([second, first])) == ("line", "up")


def test_a_call_from_peer_to_peer_is_unclear_until_another_call_tells() -> None:
    pair = {"room": "r", "transport": "p2p"}
    first = _person(0, _BAD, signs=("down",), **pair)
    second = _person(1, _BAD, signs=("up",), **pair)
    first_says = _answer([first, second])
    sides = first_says.sides
    assert abs(sides["participant"] - sides["other participant"]) < 0.35
    before = Records(people={"uid-1": Record(1800, 1500, 1)})
    assert _answer([first, second], before).causes[0].value == second.session
    before = Records(people={"uid-0": Record(1800, 1500, 1)})
    assert _answer([first, second], before).causes[0].kind == "line"


def test_a_sender_that_the_others_name_is_kept_apart_from_one_with_problems_at_the_same_time() -> (
    None
):
    receivers = [_person(n, _BAD, signs=("media",), senders=(9,), room="r") for n in range(5)]
    named = _person(9, _BAD, signs=("up",), room="r")
    rival = _person(8, (1350, 1660), signs=("narrow", "up"), room="r")
    everybody = [*receivers, rival, named, *_elsewhere()]
    assert _named(_answer(everybody)) == ("other end", named.session)
    assert _named(_answer([named, rival, *receivers, *_elsewhere()])) == ("line", "up")


def test_what_a_meeting_receives_from_one_sender_is_no_incident_of_its_bridge() -> None:
    """All 26 of a bridge have problems, 24 of them only by what they receive of one."""
    sender = _person(99, _BAD, signs=("up",), room="r")
    receivers = [_person(n, _BAD, signs=("media",), senders=(99,), room="r") for n in range(24)]
    other = _person(98, _BAD, signs=("up",), room="r")
    everybody = [sender, *receivers, other, *(_person(200 + n, bridge="b-2") for n in range(12))]
    assert _named(_answer(everybody)) == ("line", "up")


def test_who_names_all_senders_alike_points_at_none_of_them() -> None:
    """Three of six see frozen pictures of all others, and the senders send well."""
    affected = [
        _person(n, _BAD, signs=("media",), senders=(20, 21, 22), room="r") for n in range(3)
    ]
    fine = [_person(20 + n, room="r") for n in range(3)]
    answer = _answer([*affected, *fine, *_elsewhere()])
    assert answer.likely is None or answer.likely.kind != "other end"


def test_a_browser_is_not_weak_in_all_versions_because_another_version_is() -> None:
    place = {"region": "ap", "bridge": "b-ap"}
    weak = [
        _person(
            30 + n,
            (1200 + 40 * n, 1700),
            signs=("machine",),
            **{**place, "browser": "Chrome 131", "os": f"system {n}"},
        )
        for n in range(12)
    ]
    fine = [_person(60 + n, browser="Chrome 130", **place) for n in range(8)]
    mine = _person(0, _BAD, signs=("machine",), browser="Chrome 130", **place)
    answer = _answer([mine, *weak, *fine, *_elsewhere(40)])
    assert answer.causes[0].kind == "machine"
    family = [cause for cause in answer.causes if cause.value == "Chrome"]
    assert sum(cause.probability for cause in family) < 0.25


def test_a_browser_of_which_one_version_is_there_is_not_also_named_in_all_versions() -> None:
    edge = [_person(n, _BAD, signs=("media",), browser="Edge 131", room=f"r{n}") for n in range(9)]
    causes = _answer([*edge, *_elsewhere(30)]).causes
    assert [cause.value for cause in causes if cause.kind == "browser"] == ["Edge 131"]


def test_a_network_is_weak_also_where_problems_last_until_the_calls_end_and_others_hear_them() -> (
    None
):
    """All calls end at one moment: that is none at which problems of the network end."""
    office = [
        _person(n, (1250 + 70 * n, 2000), network="office", room=f"r{n}", region=f"g{n}")
        for n in range(6)
    ]
    others = [
        _person(20 + n, (1250 + 70 * n, 2000), signs=("media",), senders=(n,), room=f"r{n}")
        for n in range(6)
    ]
    before = _person(90, (1100, 1200), network="office")
    assert _named(_answer([before, *office, *others, *_elsewhere(30)])) == ("network", "office")


def test_a_system_is_named_by_who_has_it_and_had_such_problems_at_other_times() -> None:
    """Five of eight with it have slow machines, one after the other; nobody else has."""
    slow = [
        _person(n, (1050 + 60 * n, 1450 + 80 * n), signs=("machine",), os="Ubuntu", room=f"r{n}")
        for n in range(5)
    ]
    fine = [_person(20 + n, os="Ubuntu") for n in range(3)]
    now = _person(90, (1900, 1980), signs=("machine",), os="Ubuntu")
    assert _named(_answer([now, *slow, *fine, *_elsewhere(30)])) == ("os", "Ubuntu")
    elsewhere = [msgspec.structs.replace(person, os="Windows 11") for person in slow]
    assert _answer([now, *elsewhere, *fine, *_elsewhere(30)]).causes[0].kind == "machine"


def test_what_a_provider_had_at_one_moment_does_not_make_it_weak_at_another() -> None:
    incident = [_person(n, (1100, 1300), provider="AS1 Cable", room=f"r{n}") for n in range(12)]
    later = _person(90, (1700, 1800), provider="AS1 Cable")
    answer = _answer([later, *incident, *_elsewhere(20)])
    assert answer.likely is not None
    assert answer.likely.kind == "line"


def test_two_who_receive_each_other_badly_at_once_are_a_meeting_and_no_sender() -> None:
    both = [
        _person(n, (1400, 1600), signs=("media",), senders=(1 - n,), room="r") for n in range(2)
    ]
    answer = _answer([*both, *_elsewhere(20)])
    assert _named(answer) == ("meeting", "r")


def test_what_began_and_ended_at_the_same_moments_tells_more_than_what_did_one_of_it() -> None:
    """One other of the meeting has the same; at a busy time, with others who have problems."""

    def probability(start: int, end: int) -> float:
        pair = [_person(0, _BAD, room="r"), _person(1, (start, end), room="r")]
        others = [_person(50 + n, *[(1300, 1700)] * (n < 2), signs=("delay",)) for n in range(9)]
        causes = _answer([*pair, *others, *_elsewhere()]).causes
        return sum(cause.probability for cause in causes if cause.kind == "meeting")

    both, either, neither = (
        probability(1404, 1595),
        probability(1404, 1660),
        probability(1340, 1660),
    )
    assert both > 0.5 > either > neither


def test_who_joins_during_an_incident_is_part_of_it() -> None:
    """Nobody else's problem began with this call; all of them ended when it did."""
    late = msgspec.structs.replace(_person(0, (1480, 1600), room="r"), began=1480)
    others = [_person(n, *[_BAD] * (n < 6), room="r" if n < 6 else "s") for n in range(1, 12)]
    assert _named(_answer([late, *others, *_elsewhere()])) == ("meeting", "r")


def test_who_had_a_problem_before_an_incident_and_has_it_until_its_end_is_part_of_it() -> None:
    office = [
        _person(n, (1400 if n else 1340, 1600), network="office", room=f"r{n}") for n in range(16)
    ]
    at_home = [_person(50 + n, *[_BAD] * (n < 4), signs=("delay",)) for n in range(20)]
    assert _named(_answer([*office, *at_home])) == ("network", "office")


def test_a_weak_network_shows_by_a_rare_sign_among_many_problems_with_common_ones() -> None:
    """A third of everybody has loss on the way up; in the office some have a narrow line."""

    def probability(*signs: str) -> float:
        me = _person(0, (1100, 1300), network="office", room="r", signs=("narrow", "up"))
        office = [
            _person(n, (1250 + 60 * n, 1450 + 60 * n), network="office", signs=signs)
            for n in range(1, 4)
        ]
        well = [_person(10 + n, network="office") for n in range(2)]
        others = [
            _person(50 + n, *[(1050 + 20 * n, 1250 + 20 * n)] * (n % 3 == 0), signs=("up",))
            for n in range(30)
        ]
        causes = _answer([me, *office, *well, *others]).causes
        return sum(cause.probability for cause in causes if cause.kind == "network")

    assert probability("narrow", "up") > 2 * probability("up")


def test_who_arrives_badly_while_their_own_way_down_is_bad_is_a_line_and_no_meeting() -> None:
    me = _person(0, _BAD, signs=("down", "media"), senders=(1,), room="r")
    other = _person(1, (1404, 1598), signs=("media",), senders=(0,), room="r")
    answer = _answer([me, other, *_elsewhere()])
    assert _named(answer) == ("line", "down")


def test_a_large_server_that_is_down_is_the_service_however_alike_its_problems_are() -> None:
    everybody = [
        _person(n, *[_BAD] * (n < 380), signs=("cut",), region=f"r{n % 3}", bridge=f"b{n % 6}")
        for n in range(400)
    ]
    assert _named(_answer(everybody)) == ("service", "")


def test_a_few_alike_elsewhere_do_not_make_a_failed_bridge_the_whole_service() -> None:
    failed = [_person(n, (1400 + n % 4, 1600), bridge="b-1", room=f"r{n}") for n in range(21)]
    others = [_person(50 + n, *[(1402, 1580)] * (n < 5), bridge="b-2") for n in range(16)]
    assert _named(_answer([*failed, *others])) == ("bridge", "b-1")


def test_the_two_ends_of_a_path_are_a_tie_while_nothing_else_tells() -> None:
    pair = {"room": "r", "transport": "p2p"}
    first = _person(0, _BAD, signs=("down",), **pair)
    second = _person(1, _BAD, signs=("up",), **pair)
    answer = _answer([first, second, *_elsewhere()])
    assert answer.verdict is Verdict.TIE
    assert {answer.causes[at].kind for at in (0, *answer.ties)} >= {"line", "other end"}
    narrow = _person(1, _BAD, signs=("narrow",), **pair)
    assert _named(_answer([narrow, first, *_elsewhere()])) == ("line", "up")


def test_groups_with_the_same_people_are_a_tie() -> None:
    affected = [
        _person(n, (1400 + n, 1600), room="r", region="eu", bridge="b-eu") for n in range(5)
    ]
    answer = _answer([*affected, *_elsewhere()])
    assert answer.verdict is Verdict.TIE
    tied = {answer.causes[0].kind, *(answer.causes[at].kind for at in answer.ties)}
    assert {"region", "bridge"} <= tied
    assert answer.sides["server"] > 0.9


def test_alone_on_a_server_there_is_not_enough_to_tell_and_the_answer_says_what_is_missing() -> (
    None
):
    answer = _answer([_person(0, _BAD, signs=("media",))])
    assert {"others", "other calls", "record"} <= set(answer.missing)
    assert answer.likely is None or answer.likely.kind in ("line", "machine", "chance", "device")


def test_independent_problems_of_a_few_are_no_group() -> None:
    """One in ten of sixty, at different times and of different kinds."""
    signs = (("up",), ("down",), ("machine",), ("delay",), ("up", "down"), ("cut",))
    affected = [
        _person(n, (1200 + 70 * n, 1500 + 60 * n), signs=signs[n], region="eu") for n in range(6)
    ]
    fine = [_person(100 + n, region="eu") for n in range(54)]
    for place in range(6):
        everybody = [affected[place], *affected[:place], *affected[place + 1 :], *fine]
        named = _answer(everybody).likely
        assert named is None or named.kind in ("line", "machine", "chance")


def test_a_device_that_the_browser_reports_is_named() -> None:
    headset = msgspec.structs.replace(
        _person(0, _BAD, signs=("media",), room="r"), events=(CallEvent(1405, "no_audio_input"),)
    )
    answer = _answer([headset, *(_person(n, room="r") for n in (1, 2, 3)), *_elsewhere()])
    assert answer.causes[0].kind == "device"


def test_probabilities_are_ranked_and_leave_a_part_open_where_an_innocent_one_may_be_first() -> (
    None
):
    outage = _answer(
        [*(_person(n, _BAD, region="eu", room=f"r{n}") for n in range(9)), *_elsewhere()]
    )
    beside = [_person(1, (1350, 1590), network="n0"), _person(2, network="n0")]
    few = _answer([_person(0, _BAD), *beside, *_elsewhere(6)])
    for answer, least, most in ((outage, 0.95, 1.001), (few, 0.45, 0.7)):
        shares = [cause.probability for cause in answer.causes]
        assert shares == sorted(shares, reverse=True)
        assert least < sum(shares) <= most
        assert (answer.likely is None) is (max(shares) < 0.5)
    assert few.likely is None


def test_the_same_question_has_the_same_answer_whatever_the_order_of_the_others() -> None:
    everybody = [_person(n, (1400 + n, 1600), region="eu") for n in range(8)] + _elsewhere()
    again = [everybody[0], *reversed(everybody[1:])]
    assert _answer(everybody) == _answer(again)


def test_another_tab_of_the_same_person_is_no_witness() -> None:
    tab = msgspec.structs.replace(_person(1, _BAD, network="n0"), browser_id="uid-0")
    assert _named(_answer([_person(0, _BAD), tab, *_elsewhere()])) == ("line", "")


def test_spells_of_an_earlier_version_have_no_signs_and_still_an_answer() -> None:
    old = _person(0, _BAD)
    spell = Spell(1400, 1600, Grade.POOR, {"loss": 200})
    old = msgspec.structs.replace(old, spells=(spell,))
    assert _named(_answer([old, *_elsewhere()])) == ("line", "")


def test_a_record_of_calls_leaves_out_the_session_itself() -> None:
    calls = [_person(0, _BAD), _person(1, _BAD, signs=("machine",)), _person(2)]
    record = record_of_calls(calls, but=calls[0].session)
    assert record == Record(known=1800, bad=200, calls=2, machine=200)


def _incidents(everybody: Sequence[Summary]) -> list[Incident]:
    crowd = Crowd(everybody, 1000, 2000)
    explained = [
        Explained(summary, spell, likely_causes(summary, spell, crowd))
        for summary in everybody
        for spell in summary.spells
    ]
    return incidents(explained, {summary.session: summary.browser_id for summary in everybody})


def test_the_outage_of_a_region_is_one_incident_of_many_meetings() -> None:
    affected = [
        _person(n, (1400 + n % 5, 1600), signs=("cut",), region="eu", room=f"r{n // 3}")
        for n in range(30)
    ]
    (incident,) = _incidents([*affected, *_elsewhere(40)])
    assert (incident.answer.causes[0].kind, incident.answer.causes[0].value) == ("region", "eu")
    assert len(incident.rooms) == 10
    assert (incident.people, len(incident.sessions)) == (30, 30)
    assert incident.reasons == {"interrupted": incident.seconds}
    assert (incident.start, incident.end) == (1400, 1600)


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [((0.3, 0.2), Verdict.TIE), ((0.3, 0.19), Verdict.UNCLEAR), ((0.6, 0.1), Verdict.TIE)],
)
def test_a_tie_that_has_less_than_half_of_the_probability_is_unclear(
    shares: tuple[float, float], verdict: Verdict
) -> None:
    causes = dict(zip(("region", "bridge"), shares, strict=True))
    problems = [_explained(n, (1400, 1600), (1,), **causes) for n in (1, 2)]
    (incident,) = incidents(problems, {})
    assert (incident.answer.verdict, incident.answer.ties) == (verdict, (1,))


@pytest.mark.parametrize(("apart", "verdict"), [(10, Verdict.TIE), (30, Verdict.UNCLEAR)])
def test_two_of_a_region_with_loss_are_a_tie_only_where_they_had_it_at_one_moment(
    apart: int, verdict: Verdict
) -> None:
    """They are all there is of the region; half a minute apart it may be chance."""
    me = _person(0, (1400, 1800), region="eu", bridge="b-eu", room="r")
    other = _person(1, (1400 + apart, 1800), region="eu", bridge="b-eu", room="r")
    answer = _answer([me, other, *_elsewhere()])
    assert (answer.verdict, bool(answer.ties)) == (verdict, True)


@pytest.mark.parametrize("signs", [("cut",), ("up", "down")])
@pytest.mark.parametrize("rooms", [1, 2, 5])
@pytest.mark.parametrize(("people", "apart"), [(2, 30), (2, 120), (3, 120), (5, 40)])
def test_the_outage_of_a_region_with_few_people_is_one_incident(
    people: int, apart: int, rooms: int, signs: tuple[str, ...]
) -> None:
    """They notice it one after the other; nothing tells region, bridge and meeting apart."""
    affected = [
        _person(
            *(n, (1400 + n * apart, 1800)),
            **{"signs": signs, "region": "eu", "bridge": "b-eu", "room": f"r{n % rooms}"},
        )
        for n in range(people)
    ]
    (incident,) = _incidents([*affected, *_elsewhere()])
    assert (incident.people, incident.start, incident.end) == (people, 1400, 1800)
    first, *tied = (incident.answer.causes[at] for at in (0, *incident.answer.ties))
    assert {cause.kind for cause in (first, *tied)} >= {"region", "bridge"}


@pytest.mark.parametrize("room", ["r0", "r1"])
def test_two_connections_with_problems_at_the_same_time_are_two_incidents(room: str) -> None:
    """They begin and end at different moments; the only two of a region, in one or two meetings."""
    alone = [
        _person(
            *(n, (1400 + 80 * n, 1600 + 50 * n)),
            **{"signs": ("up",), "region": "eu", "bridge": "b-eu", "room": ("r0", room)[n]},
        )
        for n in range(2)
    ]
    assert [incident.people for incident in _incidents([*alone, *_elsewhere()])] == [1, 1]


@pytest.mark.parametrize("apart", [30, 100])
@pytest.mark.parametrize("staying", [0, 3])
def test_three_who_leave_one_after_the_other_are_three_incidents(apart: int, staying: int) -> None:
    """Each is cut off for the last 40 seconds of the call."""
    leaving = [
        msgspec.structs.replace(
            _person(n, (1360 + apart * n, 1400 + apart * n), signs=("cut",), room="r"),
            ended=1400 + apart * n,
        )
        for n in range(3)
    ]
    others = [_person(20 + n, room="r") for n in range(staying)]
    found = _incidents([*leaving, *others, *_elsewhere()])
    assert [incident.people for incident in found] == [1, 1, 1]


def _explained(
    number: int, span: tuple[int, int], ties: tuple[int, ...], **causes: float
) -> Explained:
    """A problem whose causes are groups, with these probabilities."""
    summary = _person(number, span)
    ranked = tuple(Cause(kind, kind, share, 0, 0, 0, 0) for kind, share in causes.items())
    return Explained(summary, summary.spells[0], Answer(Verdict.TIE, ranked, ties))


@pytest.mark.parametrize(
    ("causes", "ties", "joined"),
    [
        ({"meeting": 0.45, "region": 0.4}, (1,), True),
        ({"meeting": 0.3, "region": 0.15, "line": 0.1}, (1,), True),  # Most of what is said.
        ({"line": 0.3, "region": 0.15, "bridge": 0.1}, (), False),
        ({"meeting": 0.45, "bridge": 0.4, "region": 0.1}, (1,), False),
        ({"meeting": 0.2, "region": 0.1, "line": 0.25, "machine": 0.1}, (1,), False),
    ],
)
def test_a_problem_whose_tie_has_the_cause_of_an_incident_is_part_of_it(
    causes: dict[str, float], ties: tuple[int, ...], *, joined: bool
) -> None:
    """A region failed. The other problem began two minutes later and overlaps."""
    outage = _explained(1, (1400, 1700), (), region=0.9)
    later = _explained(2, (1520, 1800), ties, **causes)
    found = incidents([outage, later], {})
    assert [incident.people for incident in found] == ([2] if joined else [1, 1])


def test_a_tie_of_an_incident_is_of_its_most_probable_cause() -> None:
    """The most seconds are of a meeting that is no tie; the others are of other groups."""
    long = _explained(1, (1400, 1900), (), meeting=0.52, region=0.48)
    short = [
        _explained(n, (1400, 1500), (1,), region=0.51, bridge=0.49, meeting=0.0) for n in (2, 3)
    ]
    (incident,) = incidents([long, *short], {})
    assert incident.answer.causes[0].kind == "region"
    tied = [incident.answer.causes[at].kind for at in incident.answer.ties]
    assert tied == [], "for 500 of 700 seconds nothing is a tie"
    (even,) = incidents(
        [_explained(n, (1400, 1500), (1,), region=0.5, bridge=0.4) for n in (2, 3)], {}
    )
    assert [even.answer.causes[at].kind for at in even.answer.ties] == ["bridge"]


def test_a_sender_and_those_who_receive_it_are_one_incident() -> None:
    receivers = [_person(n, _BAD, signs=("media",), senders=(9,), room="r") for n in range(4)]
    sender = _person(9, _BAD, signs=("up",), room="r")
    (incident,) = _incidents([*receivers, sender, *_elsewhere()])
    assert incident.answer.causes[0].value == sender.session
    assert incident.people == 5


def test_a_sender_who_came_back_is_one_cause_and_not_one_for_each_session() -> None:
    receivers = [_person(n, _BAD, signs=("media",), room="r") for n in range(2)]
    sessions = [f"{number:024}" for number in (8, 9)]
    explained = [
        Explained(
            receiver,
            receiver.spells[0],
            Answer(Verdict.LIKELY, (Cause("other end", session, share, 0, 0, 0, 0),)),
        )
        for receiver, session, share in zip(receivers, sessions, (0.8, 0.9), strict=True)
    ]
    (incident,) = incidents(explained, dict.fromkeys(sessions, "uid-8"))
    (cause,) = incident.answer.causes
    assert (cause.value, cause.probability) == (sessions[1], pytest.approx(0.85))


def test_problems_of_two_people_with_causes_of_their_own_are_two_incidents() -> None:
    found = _incidents(
        [
            _person(0, (1100, 1200), signs=("up",)),
            _person(1, (1150, 1400), signs=("machine",)),
            *_elsewhere(),
        ]
    )
    assert [incident.people for incident in found] == [1, 1]


def test_the_same_cause_at_another_time_is_another_incident() -> None:
    office = [_person(n, (1100, 1200), (1700, 1800), network="office") for n in range(4)]
    found = _incidents([*office, *_elsewhere()])
    assert [(incident.start, incident.end) for incident in found] == [(1100, 1200), (1700, 1800)]


def test_without_problems_there_is_no_incident() -> None:
    assert _incidents(_elsewhere()) == []


def test_a_problem_in_a_meeting_of_fifty_takes_thousands_of_steps_however_many_are_elsewhere() -> (
    None
):
    """Calls of functions, which are the same on any machine; 10,000 take some 2 ms."""
    receivers = [
        _person(n, (1400 + n, 1600), signs=("media",), senders=(n + 1, n + 2), room="r")
        for n in range(50)
    ]
    networks = [
        _person(100 + n, *[_BAD] * (n % 20 == 0), browser=f"Firefox {n}") for n in range(600)
    ]
    crowd = Crowd([*receivers, *networks], 1000, 2000)
    likely_causes(receivers[0], receivers[0].spells[0], crowd)  # Prepares what all share.
    steps: Counter[str] = Counter()

    def count(_frame: object, event: str, _argument: object) -> None:
        steps[event] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        for receiver in receivers[:3]:
            likely_causes(receiver, receiver.spells[0], crowd)
    finally:
        sys.setprofile(before)
    assert steps["call"] + steps["c_call"] < 3 * 14_000


def test_a_meeting_that_comes_back_late_has_the_incident_of_its_bridge() -> None:
    late = [_person(n, (1400, 1800), signs=("cut",), room="large", bridge="b1") for n in range(12)]
    soon = [
        _person(n, (1400, 1520), signs=("cut",), room=f"room-{n // 3}", bridge="b1")
        for n in range(12, 36)
    ]
    spared = [_person(n, bridge="b2", room=f"room-{n // 3}") for n in range(36, 72)]
    assert _named(_answer([*late, *soon, *spared])) == ("bridge", "b1")


def _call_of_two(
    mine: Summary, theirs: Summary, browser: str = "Chrome 131"
) -> tuple[list[Summary], Records]:
    """Two of many who have a browser that is weak for days, peer to peer."""
    weak = [
        _person(n, (1050 + 40 * n, 1450 + 40 * n), signs=("machine", "media"), browser=browser)
        for n in range(2, 12)
    ]
    well = [_person(n) for n in range(12, 60)]
    ends = [
        msgspec.structs.replace(end, room="call", transport="p2p", browser=browser)
        for end in (mine, theirs)
    ]
    groups = {("browser", browser): Record(72_000, 21_600, 60)}
    return [*ends, *weak, *well], Records(Record(720_000, 36_000, 600), groups)


def test_from_peer_to_peer_what_the_other_machine_does_is_heard_and_not_the_own_browser() -> None:
    mine = _person(0, (1400, 1600), signs=("media",))
    assert _named(_answer(*_call_of_two(mine, _person(1)))) == ("browser", "Chrome 131")
    slow = _person(1, (1400, 1600), signs=("machine", "media"))
    assert _named(_answer(*_call_of_two(mine, slow))) == ("other end", slow.session)


def test_from_peer_to_peer_a_device_is_at_the_end_that_reports_it() -> None:
    """Both ends hear badly, from the same moment on."""
    ends = [
        _person(number, (1400, 1600), signs=("media",), room="call", transport="p2p")
        for number in range(2)
    ]
    everybody = [*ends, *(_person(number) for number in range(2, 40))]
    for at, cause in ((0, "device"), (1, "other end")):
        reported = (CallEvent(1402, "no_audio_input"),)
        everybody[:2] = ends
        everybody[at] = msgspec.structs.replace(ends[at], events=reported)
        assert _answer(everybody).causes[0].kind == cause


def test_a_browser_is_not_weak_in_all_versions_because_others_of_it_are_as_good_as_anybody() -> (
    None
):
    weak = [
        _person(n, (1100 + 20 * n, 1500 + 20 * n), signs=("media",), browser="Chrome 131")
        for n in range(8)
    ]
    usual = [_person(n, browser="Chrome 131") for n in range(8, 16)]
    other_versions = [_person(n, browser="Chrome 130") for n in range(16, 24)]
    other_versions += [_person(24, (1400, 1600), signs=("media",), browser="Chrome 130")]
    elsewhere = [_person(n) for n in range(25, 60)]
    answer = _answer([*weak, *usual, *other_versions, *elsewhere])
    assert _named(answer) == ("browser", "Chrome 131")
