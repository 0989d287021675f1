"""Bad for whom: by hand-made summaries of both ends."""

from itertools import permutations
from typing import Any

import msgspec
import pytest

from jmmc.core.model import Dialect, Session
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import Sender, Summary
from jmmc.quality.thresholds import preset
from jmmc.quality.ways import Ways, matrix_of, ways_of, ways_with
from tests.support.builders import RHYTHM, sample

_TELLS = {"down_audio_loss_percent": [0.0, 0.0, 1.0]}
_BASE = summarize(
    Session("a" * 24, "room", "u", Dialect.V2, 0, (sample(0, ts=0), sample(1, ts=600))),
    preset=preset("experience"),
    rhythm=RHYTHM,
)


def _person(name: str, *senders: Sender, **more: Any) -> Summary:
    fields = {"began": 0, "ended": 600, "quantiles": _TELLS, "senders": senders, **more}
    return msgspec.structs.replace(
        _BASE, session=name * 24, browser_id=name, endpoint_id=f"ep-{name}", **fields
    )


def _bad(name: str, seconds: int = 300, **more: Any) -> Sender:
    return Sender(f"ep-{name}", seconds, **(more or {"audio_lost": 9.0, "concealed": 4.0}))


def _states(ways: Ways) -> dict[str, str]:
    return {way.sender.who[-1] + way.receiver.who[-1]: way.state for way in ways.ways}


def test_between_two_each_way_is_known() -> None:
    ways = ways_of([_person("a", _bad("b")), _person("b")])
    assert ways.between_two
    assert _states(ways) == {"ba": "bad", "ab": "fine"}
    (bad,) = (way for way in ways.ways if way.state == "bad")
    assert (bad.seconds, bad.audio_lost, bad.concealed) == (300, 9.0, 4.0)
    assert bad.worst == [("audio_lost", 9.0), ("concealed", 4.0)]
    assert ways.uploads == ()


@pytest.mark.parametrize(
    ("sender", "state"),
    [
        (_bad("b", 29), "fine"),
        (_bad("b", 30), "bad"),
        (_bad("b", audio_lost=5.0, concealed=3.0, video_lost=5.0, frozen=5.0), "fine"),
        (_bad("b", audio_lost=5.1), "bad"),
        (_bad("b", concealed=3.1), "bad"),
        (_bad("b", video_lost=5.1), "bad"),
        (_bad("b", frozen=5.1), "bad"),
        (_bad("x"), "fine"),
    ],
)
def test_a_way_is_bad_beyond_the_limits_for_long_enough(sender: Sender, state: str) -> None:
    assert _states(ways_of([_person("a", sender), _person("b")]))["ba"] == state


def test_a_short_way_is_bad_when_it_was_for_a_tenth_of_the_time() -> None:
    short = {"began": 500, "ended": 600}
    assert _states(ways_of([_person("a", _bad("b", 10), **short), _person("b")]))["ba"] == "bad"
    assert _states(ways_of([_person("a", _bad("b", 9), **short), _person("b")]))["ba"] == "fine"


def test_of_an_old_script_the_pooled_loss_counts_between_two() -> None:
    def old(lost: float) -> dict[str, Any]:
        return {"quantiles": {"down_loss_percent": [0.0, 1.0, lost]}, "reasons": {"loss": 40}}

    ways = ways_of([_person("a", **old(9.5)), _person("b", **old(5.0))])
    assert _states(ways) == {"ba": "bad", "ab": "fine"}
    (bad,) = (way for way in ways.ways if way.state == "bad")
    assert (bad.lost, bad.seconds, bad.worst) == (9.5, 40, [("lost", 9.5)])
    unknown = ways_of([_person("a", quantiles={}), _person("b")])
    assert _states(unknown) == {"ba": "unknown", "ab": "fine"}


def test_nothing_is_said_of_people_who_were_hardly_there_together() -> None:
    assert ways_of([_person("a"), _person("b", began=571, ended=900)]).ways == ()
    assert _states(ways_of([_person("a"), _person("b", began=570, ended=900)])) != {}


def test_a_person_who_came_again_is_one_end_and_not_the_other_of_itself() -> None:
    again = _person("a", _bad("b"), began=650, ended=900)
    again = msgspec.structs.replace(again, session="c" * 24)
    ways = ways_of([_person("a"), again, _person("b", ended=900)])
    assert ways.between_two
    assert [way.state for way in ways.ways] == ["bad", "fine", "fine", "fine"]
    assert ways.ways[0].receiver.session == "c" * 24
    assert len(ways_with(ways, "c" * 24).ways) == 2


def test_who_is_received_badly_by_most_others_has_likely_a_bad_upload() -> None:
    others = [_person(name, _bad("a")) for name in "bcde"]
    ways = ways_of([_person("a"), *others, _person("f")])
    (upload,) = ways.uploads
    assert (upload.bad, upload.receivers, upload.likely) == (4, 5, True)
    assert upload.kinds == ("audio_lost", "concealed")
    assert sorted(end.who for end in upload.at) == ["ep-b", "ep-c", "ep-d", "ep-e"]
    assert not ways.between_two
    assert len(ways.ways) == 4
    assert ways_with(ways, "a" * 24) == Ways(False, ways.ways, ways.uploads)
    assert len(ways_with(ways, "b" * 24).ways) == 1


@pytest.mark.parametrize(("bad", "likely"), [("b", False), ("bc", False), ("bcd", True)])
def test_who_is_received_badly_by_few_is_shown_without_a_conclusion(bad: str, likely: bool) -> None:
    others = [_person(name, *([_bad("a")] if name in bad else [])) for name in "bcdef"]
    (upload,) = ways_of([_person("a"), *others]).uploads
    assert (upload.bad, upload.receivers, upload.likely) == (len(bad), 5, likely)


def test_who_receives_most_others_badly_says_nothing_about_their_uploads() -> None:
    """Three lines down are bad; nobody's upload is."""
    people = [_person(name, *(_bad(other) for other in "abcde" if other != name)) for name in "abc"]
    ways = ways_of([*people, _person("d"), _person("e")])
    assert ways.uploads == ()
    assert len(ways.ways) == 12


def test_of_three_who_receives_both_others_badly_has_likely_a_bad_download() -> None:
    ways = ways_of([_person("a"), _person("b"), _person("c", _bad("a"), _bad("b"))])
    assert (len(ways.ways), ways.uploads) == (2, ())
    # Half of the others is not most of them.
    four = [_person(name) for name in "abde"]
    half = ways_of([*four, _person("c", _bad("a"), _bad("b"))])
    assert [(row.sender.who, row.bad, row.likely) for row in half.uploads] == [
        ("ep-a", 1, False),
        ("ep-b", 1, False),
    ]
    # Who was not there with the receiver does not count.
    left = [_person(name, began=0, ended=100) for name in "de"]
    late = _person("c", _bad("a"), _bad("b"), began=100)
    assert ways_of([_person("a"), _person("b"), *left, late]).uploads == ()


def test_in_a_meeting_of_more_than_twenty_no_download_is_concluded() -> None:
    """A summary names ten senders at most: less than half."""
    names = [chr(0x4E00 + number) for number in range(21)]
    listener = _person("z", *(_bad(name) for name in names[:10]))
    assert len(ways_of([*map(_person, names[:19]), listener]).uploads) == 0
    assert len(ways_of([*map(_person, names[:20]), listener]).uploads) == 10


def test_the_worst_are_first() -> None:
    ways = ways_of([_person("a", _bad("b", 100)), _person("b", _bad("a", 200)), _person("c")])
    assert [way.seconds for way in ways.ways] == [200, 100]
    pair = ways_of([_person("a", _bad("b", 100)), _person("b", _bad("a", 200))])
    assert [way.seconds for way in pair.ways] == [200, 100]
    people = [
        _person("a"),
        _person("b"),
        _person("c", _bad("a"), _bad("b")),
        _person("d", _bad("b")),
        _person("e", _bad("b")),
        *(_person(name) for name in "fg"),
    ]
    assert [(row.sender.who, row.bad) for row in ways_of(people).uploads] == [
        ("ep-b", 3),
        ("ep-a", 1),
    ]
    # What is likely comes before what was at more others.
    late = {"began": 550, "ended": 900}
    likely = [_person("x", **late), *(_person(name, _bad("x"), **late) for name in "fg")]
    others = [_person(name, ended=540) for name in "bhij"]
    others += [_person(name, _bad("b"), ended=540) for name in "cde"]
    assert [
        (row.sender.who, row.bad, row.likely) for row in ways_of([*others, *likely]).uploads
    ] == [
        ("ep-x", 2, True),
        ("ep-b", 3, False),
    ]


def test_of_an_old_script_without_a_spell_of_loss_the_length_is_unknown() -> None:
    old = _person("a", quantiles={"down_loss_percent": [0.0, 1.0, 9.0]}, reasons={})
    ways = ways_of([old, _person("b")])
    assert [(way.state, way.seconds) for way in ways.ways] == [("bad", 0), ("fine", 0)]


def test_a_receiver_whose_script_does_not_tell_is_not_counted() -> None:
    old = _person("d", quantiles={"down_loss_percent": [0.0, 0.0, 0.0]})
    ways = ways_of([_person("a"), _person("b", _bad("a")), _person("c", _bad("a")), old])
    assert [(row.bad, row.receivers, row.likely) for row in ways.uploads] == [(2, 2, True)]


def test_the_answer_of_a_large_meeting_is_bounded() -> None:
    names = [chr(0x4E00 + number) for number in range(60)]
    people = [
        _person(name, *(_bad(other) for other in names[:10] if other != name)) for name in names
    ]
    ways = ways_of(people)
    assert len(ways.ways) == 50
    assert [(row.bad, row.receivers, len(row.at)) for row in ways.uploads] == [(59, 59, 10)] * 10


def test_the_order_of_sessions_does_not_matter() -> None:
    people = [_person("a"), _person("b", _bad("a")), _person("c", _bad("a", 100))]
    answers = [ways_of(listed) for listed in permutations(people)]
    assert all(answer.uploads[0].bad == 2 for answer in answers)
    assert len({answer.ways for answer in answers}) == 1


def _cells(*people: Summary) -> list[list[str]]:
    matrix = matrix_of(people)
    return [["self" if way is None else way.state for way in row] for row in matrix.rows]


def test_a_matrix_says_who_received_whom_badly_well_or_is_not_known() -> None:
    people = [
        _person("a", _bad("b", 300), _bad("c", 100)),
        _person("b", _bad("c", 200)),
        _person("c"),
        _person("d", _bad("b", 100), quantiles={}),  # Tells of that sender only.
    ]
    matrix = matrix_of(people)
    # Bad seconds as a sender: b 400, c 300; as a receiver: a 400, b 200, d 100.
    assert [end.session[0] for end in matrix.senders] == ["b", "c"]
    assert [end.session[0] for end in matrix.receivers] == ["a", "b", "d"]
    assert _cells(*people) == [["bad", "bad"], ["self", "bad"], ["bad", "unknown"]]
    first = matrix.rows[0][0]
    assert first is not None
    assert (first.seconds, first.worst[0]) == (300, ("audio_lost", 9.0))
    assert matrix.left_out == 0


def test_a_receiver_whose_list_of_senders_is_full_may_have_had_others_badly() -> None:
    ten = [_bad(f"{number}", 300) for number in range(10)]
    others = [_person(f"{number}") for number in range(10)]
    full = [_person("r", *ten), _person("s", _bad("t")), _person("t"), *others]
    by_receiver = dict(zip("rs", _cells(*full), strict=True))
    senders = [end.session[0] for end in matrix_of(full).senders]
    assert by_receiver["r"][senders.index("t")] == "unknown"
    assert by_receiver["s"][senders.index("0")] == "fine"


def test_a_matrix_has_the_twelve_worst_and_counts_the_others() -> None:
    names = "abcdefghijklmnop"
    people = [
        _person(name, _bad(names[place - 1], 100 + place)) for place, name in enumerate(names)
    ]
    matrix = matrix_of(people)
    assert (len(matrix.senders), len(matrix.receivers)) == (12, 12)
    assert [end.session[0] for end in matrix.receivers] == list("ponmlkjihgfe")
    shown = {end.session for end in (*matrix.senders, *matrix.receivers)}
    assert matrix.left_out == len(names) - len(shown) > 0


def test_between_two_there_is_no_matrix() -> None:
    assert matrix_of([_person("a", _bad("b")), _person("b")]).rows == ()
    assert matrix_of([_person("a"), _person("b"), _person("c")]).rows == ()
