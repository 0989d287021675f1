"""Who meets when, where from and in which room, by chance."""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from math import exp
from random import Random
from typing import NamedTuple

from msgspec import Struct

DAY = 86_400
REGIONS = ("eu-central", "eu-west", "us-east", "ap-south")
SLOW_BROWSER = "Chrome 130"
"""Its users have old machines, whose CPU limits the video sent."""

_BROWSERS = (
    ("Chrome 131", "Windows 11", 34),
    ("Chrome 131", "macOS 15", 14),
    (SLOW_BROWSER, "Windows 10", 12),
    ("Firefox 133", "Windows 11", 10),
    ("Firefox 133", "Ubuntu", 6),
    ("Safari 18", "macOS 15", 9),
    ("Safari 18", "iOS 18", 6),
    ("Edge 131", "Windows 11", 9),
)
_MICROPHONES = ("Built-in Microphone", "Built-in Microphone", "USB Headset", "Speakerphone")
_SPEAKERS = {"Built-in Microphone": "Built-in Speakers"}  # Others have a microphone's name.
_CAMERAS = ("Built-in Camera", "HD Webcam", "Conference Camera")
_OLD_CAMERA = "VGA Camera"
_NETWORKS = 120
_LARGEST_DIRECT = 4
"""People of a meeting in which two may be alone for so long that it goes from peer to peer."""

_SHORTEST_DIRECT = 30
_LEAST_SECONDS = 60
_SESSIONS_EACH = 6
_MINUTES_EACH = 90  # For each call of a person: nearly everybody is in one at a time.
_TABS = 0.03  # Of stays are a second tab.
_TRIES = 20  # To find somebody who has time.


class Scenario(Struct, frozen=True):
    """What to simulate: `participants` sessions, spread over `minutes` and over `rooms` rooms.

    `start` is in Unix seconds. With `outage`, one region fails in the middle. With `devices`, the
    names of microphones, cameras and speakers are known.
    """

    participants: int
    rooms: int
    minutes: int
    seed: int
    start: int
    outage: bool = True
    devices: bool = False

    @property
    def outage_window(self) -> tuple[int, int]:
        """Start and end of the outage: ten minutes, or a tenth of a short scenario."""
        length = min(600, self.minutes * 6)
        middle = self.start + self.minutes * 30
        if self.minutes >= 1440:
            middle += 11 * 3600 - middle % DAY  # At 11:00 UTC: at night it would affect nobody.
        return middle, middle + length


class Window(NamedTuple):
    """A span of time, in Unix seconds, without its last one."""

    start: int
    end: int


class Person(Struct, frozen=True):
    """Somebody with a browser. `rtt` is in ms; `path` is how media reaches the bridge."""

    browser_id: str
    browser: str
    os: str
    network: int
    address: int
    rtt: int
    camera: bool
    path: str

    @property
    def endpoint(self) -> str:
        """The id in a room."""
        return self.browser_id[:8]

    @property
    def microphone(self) -> str:
        """Its name, as a browser tells it."""
        return _MICROPHONES[int(self.browser_id[-1], 16) % len(_MICROPHONES)]

    @property
    def speaker(self) -> str:
        """Its name; "" where the browser does not tell it."""
        if self.browser.startswith("Safari"):
            return ""
        return _SPEAKERS.get(self.microphone, self.microphone)

    @property
    def camera_name(self) -> str:
        """Its name; "" without one. Old machines have old cameras."""
        if not self.camera:
            return ""
        if self.browser == SLOW_BROWSER:
            return _OLD_CAMERA
        return _CAMERAS[int(self.browser_id[-2], 16) % len(_CAMERAS)]


class Meeting(Struct, frozen=True):
    """What all people of a meeting have in common.

    `direct`: when media goes from peer to peer. `moved`: the bridge fails, and at the end of that
    time another one in `next_region` has taken over. `shared`: when `sharer`, the number of a
    visit, shows a screen. `endpoints`: the first two people, by their ids in the room.
    """

    room: int
    region: str
    size: int
    direct: tuple[Window, ...] = ()
    moved: Window | None = None
    next_region: str = ""
    shared: Window | None = None
    sharer: int = -1
    endpoints: tuple[str, ...] = ()

    def bridge_in(self, region: str) -> str:
        """The address of the bridge that has the meeting in a region; a region has two."""
        return f"198.51.100.{10 * REGIONS.index(region) + 1 + self.room % 2}"


class Visit(Struct, frozen=True):
    """One stay of one person in a meeting. `left` is the first second without them."""

    number: int
    began: int
    left: int
    person: Person
    meeting: Meeting


def visits(scenario: Scenario, chance: Random) -> Iterator[Visit]:
    """Yield every visit, by its start."""
    sessions = scenario.participants
    busy_people = min(sessions, sessions * _MINUTES_EACH // scenario.minutes)
    people = _Population(max(2, sessions // _SESSIONS_EACH, busy_people), chance)
    waiting: list[tuple[int, int, Visit]] = []
    busy: dict[int, int] = {}
    number = 0
    for start, room, size, next_start in _dates(scenario, chance):
        while waiting and waiting[0][0] <= start:
            yield heappop(waiting)[2]
        length = min(int(chance.lognormvariate(3.2, 0.6)) * 60 + 120, scenario.minutes * 60)
        stays = _stays(start, length, size, chance)
        present = people.join(stays)
        alone = Window(max(start, busy.get(room, 0)), next_start)
        meeting = _meeting(scenario, room, number, stays, present, alone, chance)
        busy[room] = max(busy.get(room, 0), *(stay.end for stay in stays))
        for stay, person in zip(stays, present, strict=True):
            visit = Visit(number, stay.start, stay.end, person, meeting)
            heappush(waiting, (stay.start, number, visit))
            number += 1
    while waiting:
        yield heappop(waiting)[2]


def _dates(scenario: Scenario, chance: Random) -> Iterator[tuple[int, int, int, int]]:
    """Yield start, room, size and the start of the next meeting in that room, by start.

    The sizes add up to the scenario's participants.
    """
    sizes: list[int] = []
    left = scenario.participants
    while left:
        size = min(left, 2 if chance.random() < 0.35 else 2 + int(chance.paretovariate(1.2)), 50)
        sizes.append(size)
        left -= size
    starts = sorted(_start(scenario, chance) for _ in sizes)
    rooms = [chance.randrange(scenario.rooms) for _ in sizes]
    following: dict[int, int] = {}
    nexts: list[int] = []
    for start, room in zip(reversed(starts), reversed(rooms), strict=True):
        nexts.append(following.get(room, 1 << 60))
        following[room] = start
    yield from zip(starts, rooms, sizes, reversed(nexts), strict=True)


def _start(scenario: Scenario, chance: Random) -> int:
    """Draw the start of a meeting: any time of a short scenario, mostly by day in a long one."""
    latest = max(1, scenario.minutes * 60 - 600)
    while True:
        start = scenario.start + int(chance.random() * latest)
        hour = start % DAY / 3600
        if scenario.minutes < 1440 or chance.random() < 0.08 + exp(-(((hour - 12) / 4) ** 2)):
            return start


def _person(chance: Random) -> Person:
    browser, os, _ = chance.choices(_BROWSERS, [item[2] for item in _BROWSERS])[0]
    network = min(int(chance.expovariate(1 / 25)), _NETWORKS - 1)
    digits = f"{chance.getrandbits(128):032x}"
    browser_id = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
    address = (198 << 24) + (18 << 16) + (network << 8) + chance.randrange(1, 255)
    rtt = chance.choice((12, 18, 25, 40, 60))
    path = {5: "relay", 9: "tcp"}.get(network % 17, "udp")
    return Person(browser_id, browser, os, network, address, rtt, chance.random() < 0.8, path)


def _stays(start: int, length: int, size: int, chance: Random) -> list[Window]:
    stays: list[Window] = []
    for _ in range(size):
        joined = start + min(int(chance.expovariate(1 / 90)), length // 2)
        late = joined - start
        stay = max(_LEAST_SECONDS, length - late - int(chance.expovariate(1 / 120)))
        stays.append(Window(joined, joined + stay))
    return stays


class _Population:
    """All people, and until when each is in a meeting."""

    def __init__(self, size: int, chance: Random) -> None:
        self._people = [_person(chance) for _ in range(size)]
        self._until = [0] * size
        self._chance = chance

    def join(self, stays: list[Window]) -> list[Person]:
        """Draw who has the stays of a meeting: people who have time, as far as they are found.

        A few open the meeting in a second tab: then that is the next stay, with another start.
        """
        places: list[int] = []
        for number, stay in enumerate(stays):
            if number and self._chance.random() < _TABS:
                places.append(places[-1])
                start = stays[number - 1].start + self._chance.randrange(5, _LEAST_SECONDS - 5)
                stays[number] = Window(start, max(stay.end, start + _LEAST_SECONDS))
            else:
                places.append(self._free(stay.start))
            self._until[places[-1]] = max(self._until[places[-1]], stays[number].end)
        return [self._people[place] for place in places]

    def _free(self, at: int) -> int:
        size, draw = len(self._people), self._chance.random
        place = int(draw() * size)
        for _ in range(_TRIES):
            if self._until[place] <= at:
                break
            place = int(draw() * size)
        return place


def _meeting(
    scenario: Scenario,
    room: int,
    number: int,
    stays: Sequence[Window],
    people: Sequence[Person],
    alone: Window,
    chance: Random,
) -> Meeting:
    """Draw what happens to a meeting. `alone`: when it has the room for itself."""
    region = REGIONS[room % len(REGIONS)]
    size = len(stays)
    start, end = min(stay.start for stay in stays), max(stay.end for stay in stays)
    direct: tuple[Window, ...] = ()
    if size <= _LARGEST_DIRECT and all(person.path == "udp" for person in people):
        direct = tuple(_in_pairs(stays, alone))
        if direct and chance.random() < 0.2:  # The direct path fails at some moment.
            last = direct[-1]
            direct = (*direct[:-1], Window(last.start, chance.randrange(last.start + 20, last.end)))
    moved, next_region = None, ""
    if not direct and end - start > 180 and chance.random() < 0.08:
        at = chance.randrange(start + 30, end - 60)
        moved = Window(at, at + chance.randrange(4, 25))
        failing, working = scenario.outage_window
        if scenario.outage and moved.start < working + 60 and moved.end > failing - 60:
            moved = None  # Only one region has problems then.
        else:
            next_region = REGIONS[(room + chance.randrange(1, len(REGIONS))) % len(REGIONS)]
    shared, sharer = None, -1
    if chance.random() < 0.25:
        shared = Window(start + (end - start) // 4, start + (end - start) * 3 // 4)
        sharer = number + chance.randrange(size)
    endpoints = tuple(dict.fromkeys(person.endpoint for person in people))[:2]
    return Meeting(room, region, size, direct, moved, next_region, shared, sharer, endpoints)


def _in_pairs(stays: Sequence[Window], alone: Window) -> Iterator[Window]:
    """Yield when exactly two are there, for long enough."""
    edges = sorted({edge for stay in stays for edge in stay})
    since: int | None = None
    for start, end in pairwise(edges):
        pair = sum(stay.start <= start < stay.end for stay in stays) == 2
        if pair and since is None:
            since = start
        if since is not None and (not pair or end == edges[-1]):
            window = Window(max(since, alone.start), min(end if pair else start, alone.end))
            if window.end - window.start >= _SHORTEST_DIRECT:
                yield window
            since = None
