"""The calls that all collectors of this package get, by the topic that they are for.

Each case has a time of its own, so that it can be asked for without a filter.
"""

from dataclasses import replace
from random import Random
from typing import Any

from tests.oracle.truth import GOOD, TECHNICAL, Call, Held, Quality, moment, people


def _call(room: str, joined: str, length: int, *script: tuple[int, Any], **more: Any) -> Call:
    """A call; an item of the script may be a grade alone. `more` may be words that hold first."""
    start = Held(**{word: more.pop(word) for word in Held._fields if word in more})
    changes = tuple((at, {"quality": to} if isinstance(to, str) else to) for at, to in script)
    at = moment(joined)
    return Call(room, more.pop("person", room), at, at + length, changes, start=start, **more)


# Item 1: a sample describes the time before it.

HANGS_UP = _call("t-hangs-up", "2025-06-02T08:00:00", 295, (270, "poor"))
SHORT = _call("t-short", "2025-06-02T08:10:00", 40, (10, "poor"))
SPELL = _call("t-spell", "2025-06-02T08:20:00", 600, (300, "poor"), (360, "good"))
NO_BYE = _call("t-no-bye", "2025-06-02T08:40:00", 120, (100, "poor"), bye=False)
SILENT = _call("t-silent", "2025-06-02T08:50:00", 400, holes=((120, 300),))
LOST = _call("t-lost", "2025-06-02T09:00:00", 400, holes=((120, 160),), lost=True)
BETWEEN = _call("t-between", "2025-06-02T09:10:00", 600, (303, "poor"), (367, "good"))
CUT = _call("t-cut", "2025-06-02T09:30:00", 600, (303, "cut"), (328, "good"))


def _regular(length: int, **at: dict[str, Any]) -> tuple[tuple[int, dict[str, Any], Any], ...]:
    """Samples every ten seconds, the first readings good; `at` adds to those of an offset."""
    join = {"pid": "8b4139fa", "br": "Chrome 131", "os": "Windows 11"}
    samples: list[tuple[int, dict[str, Any], Any]] = [(0, join, {})]
    for offset in range(10, length + 1, 10):
        m: dict[str, Any] = dict(GOOD) if offset == 10 else {}
        flags = {"bye": True} if offset == length else {}
        samples.append((offset, m | at.get(f"at_{offset}", {}), flags))
    return tuple(samples)


# `interrupted` and `restored` were between two samples, and have an age of their own.
AGED_EVENTS = _call(
    "t-aged-events",
    "2025-06-02T10:00:00",
    400,
    (305, "cut"),
    (328, "good"),
    raw=_regular(
        400,
        at_10={"t.sr": "eu", "t.tp": "udp"},
        at_310={"ev": [["interrupted", 5]]},
        at_320=dict.fromkeys(GOOD),
        at_330=GOOD | {"ev": [["restored", 2]]},
    ),
)
# The first readings come 10 s after the join; a sample tells of a region that the one before it
# did not have.
WORDS = _call(
    "t-words",
    "2025-06-02T10:10:00",
    300,
    (200, {"region": "word-2"}),
    region="word-1",
    raw=_regular(300, at_10={"t.sr": "word-1", "t.tp": "udp"}, at_210={"t.sr": "word-2"}),
)
# All readings of the connection are unknown from 300 s to 400 s, written as whole groups.
NULL_GROUPS = _call(
    "t-null-groups",
    "2025-06-02T10:30:00",
    600,
    (300, "unknown"),
    (400, "good"),
    raw=_regular(600, at_310={"cq": None, "rtt": None, "u": None, "d": None}, at_410=GOOD),
)
# The Express.js middleware's script: a push has the means of the 30 s before it.
V1 = _call("t-v1", "2025-06-02T10:20:00", 300, (90, "poor"), (120, "good"), every=30, bye=False)

TIME = [HANGS_UP, SHORT, SPELL, NO_BYE, SILENT, LOST, BETWEEN, CUT, AGED_EVENTS, WORDS, NULL_GROUPS]

# Item 3: windows are what was asked.

TEN = people(10, "ten", _call("w-ten", "2025-06-03T08:00:00", 7200, every=30))
# Poor until 12:04:59, good from then on.
EDGE = people(6, "edge", _call("w-edge", "2025-06-03T12:00:09", 900, (290, "good"), quality="poor"))

# Item 4: sessions of a window are those present in it. One meeting is poor in the first hour.

TEN_MEETINGS = people(30, "m", _call("m", "2025-06-04T08:00:00", 7200, every=30), a_room=3)
TEN_MEETINGS = [
    replace(call, script=((600, {"quality": "poor"}), (3000, {"quality": "good"})))
    if call.room == "m-0"
    else call
    for call in TEN_MEETINGS
]
# The script of these tells how they joined, and how they ended.
TEN_MEETINGS = [
    replace(call, setup=(800 + 10 * n, 90, 300), drop="bridge_down" if n % 10 == 3 else "")
    for n, call in enumerate(TEN_MEETINGS)
]
# Calls that end just when a window begins, and begin just when it ends.
NEIGHBOURS = [
    _call("n-before", "2025-06-04T12:00:00", 1800),
    _call("n-within", "2025-06-04T12:30:00", 1800),
    _call("n-after", "2025-06-04T13:00:00", 1800),
]

# Item 5: each second counts for what it was on.

MOVED = people(
    12,
    "moved",
    _call(
        "d-moved",
        "2025-06-05T08:00:00",
        2400,
        (300, "cut"),
        (600, {"quality": "good", "region": "us"}),
    ),
    a_room=3,
)
STAYED = [
    *people(6, "us", _call("d-us", "2025-06-05T08:00:00", 2400, every=30, region="us"), a_room=3),
    *people(8, "ap", _call("d-ap", "2025-06-05T08:00:00", 2400, every=30, region="ap"), a_room=4),
]
BRIDGED = people(
    10,
    "bridged",
    _call(
        "d-bridged",
        "2025-06-05T10:00:00",
        3600,
        (1200, {"transport": "udp", "quality": "poor"}),
        (1800, {"transport": "p2p", "quality": "good"}),
        transport="p2p",
    ),
    a_room=2,
)
ROAMED = [
    _call(
        "d-roamed",
        "2025-06-05T13:00:00",
        1800,
        (1200, {"address": f"203.0.113.{n}", "quality": "poor"}),
        person=f"roamed {n}",
        address=f"198.51.100.{n}",
    )
    for n in range(1, 7)
]
RECODED = people(
    6,
    "recoded",
    _call(
        "d-recoded",
        "2025-06-05T15:00:00",
        1800,
        (600, {"codec": "VP8", "quality": "good"}),
        quality="poor",
        codec="AV1",
    ),
)

# Poor on one bridge, then moved to another one, on which others were well all the time.
REBRIDGED = [
    *people(
        8,
        "rebridged",
        _call(
            "b-moved",
            "2025-06-10T08:00:00",
            2400,
            (1200, {"bridge": "192.0.2.2", "quality": "good"}),
            quality="poor",
            bridge="192.0.2.1",
        ),
        a_room=2,
    ),
    *people(
        5, "steady", _call("b-steady", "2025-06-10T08:00:00", 2400, every=30, bridge="192.0.2.2")
    ),
]

# Poor with one headset, then with the one of the laptop, which others had all the time.
REPLUGGED = [
    *people(
        6,
        "replugged",
        _call(
            "h-replugged",
            "2025-06-10T09:00:00",
            2400,
            (900, {"microphone": "MacBook Pro Microphone (Built-in)", "quality": "good"}),
            quality="poor",
            microphone="Jabra EVOLVE 20 MS",
        ),
        a_room=2,
    ),
    *people(
        5,
        "plugged",
        _call(
            "h-plugged",
            "2025-06-10T09:00:00",
            1800,
            every=30,
            microphone="MacBook Pro Microphone (Built-in)",
        ),
    ),
]

# Rooms of one name: of two tenants, and of scripts that did not tell the tenant.

TENANTS = [
    *people(3, "alpha", _call("alpha/t-standup", "2025-06-10T10:00:00", 1200, every=30)),
    *people(2, "beta", _call("beta/t-standup", "2025-06-10T10:05:00", 1200, every=30)),
]
OLD_TENANTS = [
    *people(3, "old", _call("t-old", "2025-06-10T12:00:00", 1200, every=30, mid="1111")),
    *people(2, "older", _call("t-old", "2025-06-10T12:05:00", 1200, every=30, mid="2222")),
]

# Item 7: peaks.

ALONE = [_call("p-alone", "2025-06-06T08:00:10", 90)]
TWO_TABS = [
    _call("p-tabs", "2025-06-06T08:30:00", 600, person="tabs"),
    _call("p-tabs", "2025-06-06T08:32:00", 300, person="tabs", tab=1),
]
TWO_ROOMS = [
    _call("p-here", "2025-06-06T09:00:00", 600, person="both"),
    _call("p-there", "2025-06-06T09:02:00", 300, person="both"),
    _call("p-there", "2025-06-06T09:03:00", 100, person="other"),
]
IN_TURN = [
    _call("p-turn", f"2025-06-06T09:3{n}:00", 60, person=f"turn {n}", address=f"198.18.{n}.1")
    for n in range(5)
]
# Five people, together for 20 s only, over the edge of a minute.
BRIEFLY = [
    replace(
        _call("p-brief", "2025-06-06T10:01:50", 20, person=f"brief {n}"),
        joined=moment("2025-06-06T10:01:50") - 70 * n,
        left=moment("2025-06-06T10:02:10") + 70 * (4 - n),
    )
    for n in range(5)
]

# Item 9: charts.

LONE = [_call("c-lone", "2025-06-07T10:01:00", 180, quality="poor")]
AROUND_LONE = [
    *people(2, "early", _call("c-early", "2025-06-07T09:00:00", 1800, every=30)),
    *people(2, "late", _call("c-late", "2025-06-07T11:00:00", 1800, every=30)),
]
THIN = [_call("c-thin", "2025-06-08T08:50:41", 259)]
AFTER_THIN = people(
    6,
    "after",
    _call("c-after", "2025-06-08T09:00:00", 3600, (600, "poor"), (660, "good"), every=30),
)

# Item 10: 550 s at 20 ms, 250 s at 900 ms, and 954 s of which nothing is known: the mean is 295 ms.

UNKNOWN_TIME = _call(
    "x-unknown", "2025-06-09T08:00:00", 1754, (540, "poor"), (790, "good"), holes=((790, 1754),)
)

# Item 6: usage, in a year's March.

OVER_MIDNIGHT = people(2, "feb", _call("u-feb", "2025-02-28T23:30:00", 3600, every=30))
MARCH = [
    *people(3, "10th", _call("u-march", "2025-03-10T10:00:00", 2400, every=30)),
    *people(2, "11th", _call("u-march", "2025-03-11T10:00:00", 1800, every=30)),
    *people(2, "12th", _call("u-march", "2025-03-12T10:00:00", 1200, every=30)),
    *people(2, "13h", _call("u-march", "2025-03-12T13:00:00", 1800, every=30)),
]
# Paris has midnight at 23:00 UTC before the 30th, and at 22:00 UTC after it.
PARIS = [
    *people(4, "paris", _call("u-paris", "2025-03-29T22:40:00", 3000, every=30)),
    *people(2, "paris", _call("u-paris", "2025-03-30T21:30:00", 3600, every=30)),
]

# Items 5, 7 and 8: calls that are running when all is asked.

NOW = moment("2025-06-12T12:11:00")
_RUNNING = ("2025-06-12T12:01:10", 590)


def _offset(clock: str) -> int:
    return moment(f"2025-06-12T{clock}") - moment(_RUNNING[0])


ALARM_MOVED = people(
    6,
    "alarm moved",
    _call(
        "a-moved",
        *_RUNNING,
        (_offset("12:06:00"), "cut"),
        (_offset("12:09:00"), {"quality": "good", "region": "alarm-us"}),
        region="alarm-eu",
        bye=False,
    ),
)
ALARM_NOW = people(
    6,
    "alarm now",
    _call(
        "a-now",
        *_RUNNING,
        (_offset("12:06:00"), "poor"),
        region="alarm-now",
        bridge="192.0.2.9",
        bye=False,
    ),
)
ALARM_PAST = people(
    6,
    "alarm past",
    _call(
        "a-past",
        *_RUNNING,
        (_offset("12:04:00"), "poor"),
        (_offset("12:05:30"), "good"),
        region="alarm-past",
        bye=False,
    ),
)
RUNNING_TABS = [
    _call("a-tabs", *_RUNNING, person="running tabs", region="alarm-tabs", bye=False, tab=tab)
    for tab in range(2)
]
ALARM_NOW = [replace(call, setup=(900, 80, 400)) for call in ALARM_NOW]
RUNNING = [*ALARM_MOVED, *ALARM_NOW, *ALARM_PAST, *RUNNING_TABS]

# All of it together, at random.

RANDOM_SINCE, RANDOM_UNTIL = moment("2025-06-12T07:30:00"), moment("2025-06-12T11:30:00")
HALFWAY = moment("2025-06-12T09:30:00")
"""When the first half of the random calls is pushed: many of them run then."""

_REGIONS = ("r-1", "r-2", "r-3", "r-4", "r-5")
_BROWSERS = ("Chrome 131", "Firefox 133", "Safari 18")
_MICROPHONES = ("Headset (Jabra EVOLVE 20)", "Internes Mikrofon", "AirPods")


def _random_call(random: Random, number: int) -> Call:
    person = random.randrange(40)
    joined = moment("2025-06-12T08:00:00") + random.randrange(9000)
    length = random.randrange(30, 2400)
    start = Held(
        "poor" if random.random() < 0.2 else "good",
        random.choice(_REGIONS),
        random.choice(("udp", "udp", "tcp", "p2p")),
        random.choice(("VP9", "AV1", "VP8")),
        f"198.19.{person % 12}.7",
        f"192.0.2.{1 + person % 4}",
        _MICROPHONES[person % 3],
    )
    holes = ()
    if length > 600 and number % 5 == 0:
        hole = random.randrange(10, length // 10 - 35) * 10
        holes = ((hole, hole + random.choice((100, 170, 300))),)
    changes: dict[int, dict[str, Any]] = {}

    def change(at: int, **to: Any) -> None:
        if 0 < at < length and not any(since - 10 <= at <= until for since, until in holes):
            changes[at] = changes.get(at, {}) | to

    for _ in range(random.randrange(4)):
        change(random.randrange(length // 10) * 10, quality=random.choice(("good", "poor")))
    for _ in range(random.randrange(3)):
        change(random.randrange(length), region=random.choice(_REGIONS))
    if number % 3 == 0:
        change(random.randrange(length), transport=random.choice(("udp", "p2p", "tcp")))
    if number % 7 == 0:
        change(random.randrange(length), codec="H264")
    if number % 9 == 0:
        change(length // 2, bridge="192.0.2.8")
    if number % 2 == 0:
        change(-joined % 3600, region=_REGIONS[number % 5])  # As the hour begins.
    if number % 8 == 0:
        change(length * 2 // 3, microphone=_MICROPHONES[(person + 1) % 3])
    if number % 11 == 0:
        change(random.randrange(length), address=f"198.19.{100 + person % 3}.7")
    if number % 4 == 0:
        cut = random.randrange(length)
        ends = cut + random.randrange(5, 200)
        if not any(cut <= until + 20 and since - 20 <= ends for since, until in holes):
            # Nothing else changes the quality meanwhile.
            for at in range(cut, ends + 1):
                changes.get(at, {}).pop("quality", None)
            after: Quality = random.choice(("good", "poor"))
            change(cut, quality="cut")
            change(ends, quality=after)
    return Call(
        f"random-{random.randrange(14)}",
        f"random {person}",
        joined,
        joined + length,
        tuple(sorted((at, to) for at, to in changes.items() if to)),
        browser=_BROWSERS[person % 3],
        tab=number,
        holes=holes,
        lost=number % 10 == 0,
        start=start,
    )


def _random_calls() -> list[Call]:
    random = Random(19)
    calls = [_random_call(random, number) for number in range(54)]
    for number, call in enumerate(calls[:6]):  # Second tabs of the same people.
        tab = _random_call(random, 54 + number)
        joined = call.joined + 20
        who = {"room": call.room, "person": call.person, "browser": call.browser}
        calls.append(replace(tab, joined=joined, left=joined + tab.length, **who))
    return calls


def _with_joins(calls: list[Call]) -> list[Call]:
    """Of two calls in three the script tells how it went; failures end some of those."""
    random = Random(23)
    made = []
    for number, call in enumerate(calls):
        setup = (random.randrange(200, 9000), random.randrange(300), random.randrange(50, 4000))
        drop = random.choice(("", "", "ice_failed", "bridge_down", "kicked"))
        made.append(replace(call, setup=setup, drop=drop) if number % 3 else call)
    return made


RANDOM = _with_joins(_random_calls())
LATE = RANDOM[4::9]
"""Of these nothing is pushed before the hours in which they were have been summed up."""

# Joins that failed: nobody was in the room, so no other case may count them.


def _attempt(room: str, at: int, person: str, fail: str, **more: Any) -> Call:
    """An attempt that failed `setup` ms after the join was asked for."""
    browser, took = more.pop("browser", "Chrome 131"), more.pop("took", 5000)
    start = Held(**more)
    m = {"br": browser, "os": "Windows 11", "fail": fail, "set.join": took, "t.sr": start.region}
    raw = ((0, m, {"bye": True}),)
    return Call(room, person, at, at, raw=raw, start=start, fail=fail, browser=browser)


DECISIONS = ("password", "gave_up")


def _random_attempts() -> list[Call]:
    random = Random(29)
    rooms = [*{call.room: None for call in RANDOM}, "random-nobody"]
    attempts = []
    for _ in range(40):
        person = random.randrange(50)
        attempts.append(
            _attempt(
                random.choice(rooms),
                random.randrange(RANDOM_SINCE, RANDOM_UNTIL),
                f"random {person}",
                random.choice((*sorted(TECHNICAL), *DECISIONS)),
                browser=_BROWSERS[person % 3],
                region=random.choice(_REGIONS),
                address=f"198.19.{person % 12}.7",
            )
        )
    return attempts


RANDOM_ATTEMPTS = _random_attempts()
PAST_ATTEMPTS = [
    _attempt("w-ten", moment("2025-06-03T08:30:00"), "ten 3", "ice_failed"),
    _attempt("w-ten", moment("2025-06-03T09:59:59"), "a stranger", "room_full"),
    _attempt("m-0", moment("2025-06-04T08:20:00"), "m 1", "accept_timeout"),
    _attempt("m-0", moment("2025-06-04T09:20:00"), "m stranger", "bridge_down"),
    _attempt("u-feb", moment("2025-02-28T23:40:00"), "feb stranger", "focus_left"),
    *(
        _attempt("only-failed", moment("2025-05-20T08:00:00") + 30 * n, f"closed {n}", "ice_failed")
        for n in range(4)
    ),
]
# The newest samples of all: no alert of silence, no running call, no person is made of them.
ALARM_ATTEMPTS = [
    _attempt(
        "a-now",
        moment("2025-06-12T12:05:00") + n,
        f"alarm stranger {n}",
        "bridge_down",
        region="alarm-now",
    )
    for n in range(3)
]

# 11 of 7,200 s are poor: 0.153 %, which is 0.2 %, and 0.0015 with four places.
ROUNDED = _call("r-rounded", "2025-06-09T14:00:00", 7200, (100, "cut"), (111, "good"), every=30)

PAST = [
    ROUNDED,
    *OVER_MIDNIGHT,
    *MARCH,
    *PARIS,
    *TIME,
    *TEN,
    *EDGE,
    *TEN_MEETINGS,
    *NEIGHBOURS,
    *MOVED,
    *STAYED,
    *BRIDGED,
    *ROAMED,
    *RECODED,
    *REBRIDGED,
    *REPLUGGED,
    *TENANTS,
    *OLD_TENANTS,
    *ALONE,
    *TWO_TABS,
    *TWO_ROOMS,
    *IN_TURN,
    *BRIEFLY,
    *LONE,
    *AROUND_LONE,
    *THIN,
    *AFTER_THIN,
    UNKNOWN_TIME,
]

REGIONS = sorted(
    {held.region for call in [*PAST, *RUNNING, *RANDOM] for held in {*call.held}} | {"eu"}
)

ALERTS = [
    {"name": "joins", "kind": "failed_joins", "by": "region", "minutes": 10, "least": 9},
    {
        "name": "joins-of-more",
        "kind": "failed_joins",
        "by": "region",
        "minutes": 10,
        "least": 9,
        "participants": 4,
    },
    {"name": "moved-from", "by": "region", "value": "alarm-eu", "minutes": 5, "above": 0.5},
    {"name": "moved-to", "by": "region", "value": "alarm-us", "minutes": 5, "above": 0.02},
    {"name": "now", "by": "region", "value": "alarm-now", "minutes": 5, "above": 0.9},
    {"name": "bridge", "by": "bridge", "value": "192.0.2.9", "minutes": 5, "above": 0.9},
    {"name": "past", "by": "region", "value": "alarm-past", "minutes": 5, "above": 0.02},
]
