"""Every number of the model of likely causes, in one place.

Rates are shares of time: that a group *has an incident* at a moment, or that a group *is weak*, so
that its members have more problems than others for days. They are prior probabilities by our
judgement, the same for every server; what a server's own records say is added by `records`.
`bench/verdicts.py` measures what comes of them.
"""

from collections.abc import Mapping

from msgspec import Struct

VERSION = 9
"""Version of the model; answers that are stored name it."""


class Own(Struct, frozen=True):
    """A cause that one participant has alone.

    `share` is its part of all independent problems. `weak`: the share of people who have it for
    days. `signs`: the probability of each of `quality.signs.SIGNS`.
    """

    share: float
    weak: float
    signs: tuple[float, ...]


class Shared(Struct, frozen=True):
    """A cause that a group has in common.

    `incident`: the share of time in which a group of this kind has one. `weak`: the share of such
    groups that are weak for days. `signs` as in `Own`.
    """

    incident: float
    weak: float
    signs: tuple[float, ...]


OWN: Mapping[str, Own] = {
    #                          cut   up    down  delay narrow machine media
    "line": Own(0.60, 0.030, (0.15, 0.45, 0.45, 0.25, 0.15, 0.03, 0.06)),
    "machine": Own(0.20, 0.010, (0.03, 0.05, 0.08, 0.08, 0.03, 0.75, 0.35)),
    "device": Own(0.02, 0.002, (0.02, 0.05, 0.03, 0.03, 0.03, 0.05, 0.10)),
    "chance": Own(0.18, 0.000, (0.08, 0.30, 0.35, 0.25, 0.08, 0.06, 0.30)),
}

SHARED: Mapping[str, Shared] = {
    #                               cut   up    down  delay narrow machine media
    "meeting": Shared(6e-4, 0.000, (0.25, 0.30, 0.45, 0.25, 0.12, 0.05, 0.35)),
    "network": Shared(20e-4, 0.022, (0.25, 0.45, 0.50, 0.35, 0.12, 0.02, 0.06)),
    "provider": Shared(6e-4, 0.008, (0.20, 0.40, 0.45, 0.45, 0.10, 0.02, 0.06)),
    "bridge": Shared(10e-4, 0.004, (0.35, 0.45, 0.55, 0.35, 0.12, 0.02, 0.25)),
    "region": Shared(6e-4, 0.003, (0.45, 0.35, 0.45, 0.45, 0.10, 0.02, 0.20)),
    "service": Shared(4e-4, 0.000, (0.60, 0.30, 0.40, 0.35, 0.10, 0.02, 0.20)),
    "browser": Shared(1e-4, 0.020, (0.08, 0.08, 0.12, 0.08, 0.12, 0.50, 0.35)),
    "os": Shared(0.5e-4, 0.006, (0.08, 0.08, 0.12, 0.08, 0.12, 0.50, 0.35)),
    "transport": Shared(3e-4, 0.020, (0.20, 0.35, 0.45, 0.55, 0.30, 0.02, 0.25)),
}
"""The groups, narrower ones first: of two that explain as much, the narrower is named first."""
FAMILY = 0.25
"""How much rarer a browser is weak in all its versions than one of them is."""

OTHER_END_BY_BRIDGE = (0.01, 0.01, 0.05, 0.03, 0.01, 0.02, 0.95)
"""The signs of somebody who receives another participant's problem through a bridge."""
OTHER_END_DIRECT = (0.04, 0.45, 0.45, 0.25, 0.10, 0.02, 0.15)
"""The same from peer to peer, where both ends see one path."""
PASSED_ON = 0.5
"""The probability that others hear or see what one participant's way up or machine does."""
PASSED_ON_WHILE_DOWN = 0.1
"""The same of a line with loss on the way down, whose way up is somewhat bad, too."""
PASSED_ON_ALSO = 0.03
"""The same of somebody whose problem is another one."""
NAMED_ONLY = 0.75, 0.01
"""That somebody in the meeting names a sender alone: who hears a bad one, and by chance."""
NAMED_WITH_ANOTHER = 0.20, 0.06
"""That such a one names the sender and another one."""
NAMED_AMONG_OTHERS = 0.05, 0.10
"""That such a one names the sender and several, as when all arrive badly."""
NAMED_BY_NOBODY = 0.10, 0.05
"""That such a one hears or sees badly, and names nobody."""
SENDER_SIGNS: Mapping[str, float] = {
    **{"up": 0.7, "cut": 0.15, "narrow": 0.2, "machine": 0.25, "delay": 0.15, "down": 0.1},
    "media": 0.03,
}
SENDER_RECEIVES = 0.005
"""The probability of each sign at the participant whose problem others receive; and that this one
only receives others badly."""
SENDER_GOOD = 0.05
"""That this participant's own grade is good all the same."""
NAMED_ALONE = 0.75, 0.08
"""That a receiver names one bad sender only, this one: when it is the cause, and when not."""
NAMED_OF_TWO = 0.15, 0.12
"""The same as one of two, of more who are there."""
NAMED_AMONG = 0.05, 0.70
"""The same as one of many, or of all: all senders are bad when the receiver's way down is."""
NOT_NAMED = 0.03, 0.5
"""The same while only others are named."""
HEARD = 4
"""Senders that somebody hears and sees at a time: by chance any of them is the one named."""
DEVICE_HEARD = 0.3
"""That who has a bad device hears or sees badly, too, as of one for both sound and microphone."""
DEVICE_EVENT = 0.7, 0.02
"""That a browser reports something about a device: when that is the cause, and when it is not."""

BACKGROUND = (0.10, 0.30, 0.36, 0.22, 0.10, 0.20, 0.20)
"""The signs of independent problems, in the order of `SIGNS`."""
RARE_SIGN = 0.1
"""Share of independent problems up to which a sign is rare. Members of a weak group are compared by
the rare signs of a problem, if it has any."""
SAME_SIGN = 0.88
"""That two who have a cause in common have a sign in common."""
ALIKE_WEIGHT = 8.0
"""Problems of people outside a group that count as much as `BACKGROUND` and the usual chance."""
AT_ONCE = 0.85
"""That in an incident problems of two begin or end at the same moment."""
AT_BOTH = 0.6
"""That they then do both. Somebody who waits, or comes back in another way, is later."""
AT_BOTH_BY_CHANCE = 0.05
"""The same of two independent problems, of which one edge is at the same moment by chance: the
other edge is anywhere in some minutes."""
MANY_AT_ONCE = 50
"""Others with one moment in common above which it does not count who has both: so many say enough
by one, and how long each of them takes to come back is no evidence against an incident."""
AT_ONCE_OF_INCIDENTS = (
    (0.67, 0.92, AT_BOTH),
    (0.23, 0.4, 0.3),
    (0.1, 0.85, AT_BOTH_BY_CHANCE),
)
"""Incidents by how many notice them at once: how probable each kind of them is, that share, and the
share of these for whom both edges are at the same moment. In the last kind this problem has an edge
of its own, as it began before the incident or lasts on: so with nobody are both edges the same."""
FEWEST_OF_FREE = 40
"""Affected members from which a group tells by itself how many an incident hits, and how many of
these are alike (`free_shares`)."""
FREE_SIGN = 0.8, 4.0
FREE_ONCE = 0.75, 4.0
FREE_BOTH = 0.5, 2.0
"""What is expected of these shares, and how many people that counts as: of those affected with the
same sign, and with a moment in common; and of these, with both."""
MOMENT = 13
"""Seconds within which two moments are the same: statistics come every ten seconds."""
USUAL_SECONDS = 150
"""Length of an independent problem."""

STRENGTHS = (0.15, 0.35, 0.55, 0.75, 0.9, 0.985)
"""Shares of a group that have problems because of the cause."""
OF_INCIDENTS = (0.04, 0.08, 0.13, 0.20, 0.25, 0.30)
OF_WIDE_INCIDENTS = (0.02, 0.05, 0.08, 0.20, 0.30, 0.35)
OF_WEAKNESS = (0.30, 0.25, 0.19, 0.14, 0.08, 0.04)
OF_WEAK_GROUPS = (0.15, 0.20, 0.20, 0.20, 0.15, 0.10)
OF_RECEIVERS = (0.14, 0.16, 0.17, 0.17, 0.18, 0.18)
"""How probable each of them is: in an incident; of a region or the service; of somebody who is
weak, as a share of time; in a group that is weak; among those who may receive another participant's
problem."""

BASE_RATES = (0.003, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.6)
"""Shares of time with independent problems that are considered."""
BASE_RATE = 0.04
"""The one that is expected before anything is known of a server."""
BASE_WEIGHT = 12.0
"""In participants: how much those that are there must say before the record is left."""
BASE_WEIGHT_KNOWN = 25.0
"""The same with a record of the last days."""
TAIL = 0.02
"""Probability that the time is unlike the last days, as when another incident is under way; the
higher the base rate, the rarer."""

SPREAD = 25.0
"""Calls: how much the groups of a dimension differ from each other by nature."""
SPREAD_OF_PEOPLE = 2.5
"""The same of people: most have few problems, some have them in most calls."""
TIME_WHEN_WEAK = 0.5
SPREAD_WHEN_WEAK = 2.5
"""The share of time with problems of somebody whom the weakness of a group hits, and how much it
differs."""
LOOK_SECONDS = 240
"""Known time of somebody that counts like one more independent look."""
MOST_RECORD = 7.0
"""Nats that a record may say for or against a cause, at most."""
MOST_CALLS = 200.0
CALL_SECONDS = 1200
"""Calls that a record counts at most, and the length of one."""

CHANCE_SECONDS = 25.0
LASTING_SECONDS = (200.0, 1.2)
"""The mean length of a problem by chance; median and deviation (of the logarithm) of others."""

CANDIDATE = 0.02
"""Probability from which a cause is in an answer."""
CLEAR = 0.5
"""Probability from which a cause is named."""
SHARPNESS = 1.5
"""The power by which the differences of causes count: without it, what is said with 75 % is right
in 88 % of simulated problems."""
SURE = 0.87
CERTAIN = 0.95
"""How sure it is that no innocent one is first: of what a participant has alone all of it counts,
of groups with the same people all of these. Below `SURE` probabilities are lowered, so that no
cause is named; from `CERTAIN` on they are not."""
FEW = 3
"""Others with known grades below which an answer says that it cannot compare."""
