"""How people join their meetings, how they leave, and how they rate the calls, by chance."""

from collections.abc import Iterable, Iterator
from random import Random

from msgspec import Struct

from jmmc.simulation.conditions import PlantedProblem
from jmmc.simulation.meetings import REGIONS, Scenario, Visit

_BEHIND_RELAY = 0.15  # Of joins from networks that need a relay fail: the relay is not reached.
_ELSEWHERE = 0.015
_REASONS = ("server_unreachable", "ice_failed", "connection_lost", "password", "gave_up")
_DROPPED = 0.01  # Of stays end by a failure.
_RATED = 0.1  # Of stays are rated.


class Joining(Struct, frozen=True):
    """A join and the end of a stay. The steps are in ms, as in `quality.summary.Setup`.

    `failure` is why the join failed, `drop` why the stay ended, "" for neither. `rating` is 1 to 5.
    """

    ask: int
    join: int
    ice: int
    media: int
    failure: str = ""
    drop: str = ""
    rating: int | None = None
    reason: str = ""


class Attempt(Struct, frozen=True):
    """A join that failed `at` a moment; `region` is "" when it did not come so far."""

    at: int
    joining: Joining
    region: str


def draw_joining(visit: Visit, problems: Iterable[PlantedProblem], chance: Random) -> Joining:
    """Draw how a visit began and ended, and how it was rated."""
    steps = _steps(visit, chance)
    drop = "connection_lost" if chance.random() < _DROPPED else ""
    rating, reason = None, ""
    if chance.random() < _RATED:
        bad = sum(problem.end - problem.start for problem in problems)
        share = bad / max(visit.left - visit.began, 1)
        rating = max(1, min(5, round(5 - 4 * share - chance.random())))
        reason = chance.choice(("audio", "video", "delay")) if rating <= 2 else ""
    return Joining(*steps, drop=drop, rating=rating, reason=reason)


def draw_attempts(scenario: Scenario, visit: Visit, chance: Random) -> Iterator[Attempt]:
    """Draw the joins that failed before a visit: people try again."""
    at = max(scenario.start, visit.began - chance.randrange(5, 40))
    failing, working = scenario.outage_window
    region = visit.meeting.region
    reason = ""
    if scenario.outage and region == REGIONS[1] and failing <= at < working:
        reason = "bridge_down"
    elif chance.random() < (_BEHIND_RELAY if visit.person.path == "relay" else _ELSEWHERE):
        reason = "ice_failed" if visit.person.path == "relay" else chance.choice(_REASONS)
    if reason:
        ask, _, _, _ = _steps(visit, chance)
        joining = Joining(ask, chance.randrange(1000, 20_000), 0, 0, failure=reason)
        yield Attempt(at, joining, region if reason in ("bridge_down", "ice_failed") else "")


def _steps(visit: Visit, chance: Random) -> tuple[int, int, int, int]:
    rtt = visit.person.rtt
    ask = int(chance.lognormvariate(8.5, 0.7))
    ice = int(chance.lognormvariate(5.5, 0.4)) + 4 * rtt
    return ask, int(chance.lognormvariate(6.8, 0.3)) + 8 * rtt, ice, ice + chance.randrange(80, 500)
