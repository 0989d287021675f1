"""The model: how probable each cause makes what was seen.

For a cause h of a problem of one participant, the answer's probability is proportional to

    rate(h) P(signs | h) P(length | h) P(the others | h) P(records | h).

* rate: the share of time in which the participant has a problem by h. Of the participant's own
  causes it is a part of the base rate, which the record and the crowd tell; of shared ones that of
  incidents, or of groups that are weak for days (`parameters`).
* the others: each has independent problems at the base rate b. If h is in force, a member of its
  group has them by h with probability t besides (noisy-or). Neither is known: b is averaged over
  `BASE_RATES` by what all others say, t over `STRENGTHS`. A problem counts by whether it has a sign
  in common with the participant's, and by whether it began or ended at the same moment, or both,
  which independent ones rarely do. In some incidents most do, in others few. What came with the
  participant's call, or left with it, is compared by the other moment alone.
* Who recovered long before this problem ended was well for most of its time. Where more problems
  began at its first moment than by chance, these count as affected all the same, and likewise where
  more ended at its last one: a meeting that comes back late has the incident of its bridge.
* Both ends of a call from peer to peer measure one path: they count once, and not outside a group
  that one of them is in.
* Between two peers one end also hears and sees what the other one's machine or device does: it
  arrives as through a bridge, and nothing of it is measured on the path.
* This problem may have an edge of its own, as it began before the incident or lasts on. Then with
  nobody are both edges the same, which says nothing against the incident.
* A group that is weak for days hits some of its people, each at their own times. So its members
  count by all of the time that is known, once each, without what many have at one moment
  (`habits`), and by the rare signs of the problem, if it has any.
* A group may have an incident, or be weak, and spare this participant, who has another problem: so
  a browser that is known to be weak does not explain every problem of its users (`Shared.beside`).
  So may a group that the participant is not in: who receives senders of a provider that failed has
  no incident of a wider group (`shared_causes.incidents_of_others`).
* Who only receives what another participant's way up, machine or device does has no problem of
  their own: these are evidence of the other end, and good otherwise (`crowd.Scene.secondary`).
  Where both receive each other badly, one line or device explains both, and when it was
  (`receivers.Receivers.of_own`).
* the other end: a participant sends badly by its own state, and by who of the others names it,
  alone or among several (`receivers`). That it is so explains what this participant receives; it
  explains nothing of what is measured on the own way up.
* Signs and moments that are common outside a group are no evidence of it (`others.alike`). Those
  outside may be alike for a reason that no cause has: how many are is not known beforehand, so a
  few of them do not make an incident wider (`Problem.log_alike_of`).
* A browser is weak in all its versions where each part of it is: the participant's version, and the
  others without the worst one. So are the records of a region and its bridge, a provider and a
  network.
* records: how often the group's other members, and the participant in other calls, had problems in
  the last days, against everybody (beta-binomial). They speak of groups and people that are weak
  for days; an incident has no history.

What is said differs from that in two ways, which are measured (`ranking`): differences between
causes count by a power of `SHARPNESS`; and where an innocent one may be first, all probabilities
are lowered, so that no cause is named.

Groups that have the same people explain as much as each other; then the rates decide, and the
answer says that it is a tie. So it does of the two ends of a call from peer to peer, which measure
one path.
"""

from jmmc.quality.causes.answer import Answer
from jmmc.quality.causes.crowd import Crowd
from jmmc.quality.causes.logarithms import log_sum
from jmmc.quality.causes.other_ends import other_ends
from jmmc.quality.causes.own_causes import own_causes
from jmmc.quality.causes.problem import Problem
from jmmc.quality.causes.ranking import ranked_answer
from jmmc.quality.causes.receivers import Receivers
from jmmc.quality.causes.records import Records
from jmmc.quality.causes.shared_causes import (
    OfOthers,
    Shared,
    incidents_of_others,
    shared_causes,
)
from jmmc.quality.grading import Spell
from jmmc.quality.summary import Summary


def likely_causes(
    subject: Summary, spell: Spell, crowd: Crowd, records: Records | None = None
) -> Answer:
    """The likely causes of a spell of problems of `subject`, who is in the crowd."""
    problem = Problem(subject, spell, crowd, records or Records())
    receivers = Receivers(problem)
    shared = [*shared_causes(problem, receivers.passed_on)]
    # That a group has an incident which spares this participant, against that no group has one.
    of_others = [*incidents_of_others(problem)]
    incidents: list[Shared | OfOthers] = [*shared, *of_others]
    beside = log_sum(incident.beside for incident in incidents)
    beside_now = log_sum(incident.beside_now for incident in incidents)
    return ranked_answer(
        problem,
        [
            *(cause.hypothesis for cause in shared),
            *own_causes(problem, receivers, beside, beside_now),
            *other_ends(problem, receivers, beside, of_others),
        ],
    )
