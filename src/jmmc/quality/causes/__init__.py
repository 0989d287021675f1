"""Likely causes: why a participant had problems, with probabilities.

In: the summaries of all who were there, and records of the last days. Out: an `Answer` of ranked
causes with the facts that decided; and incidents, which join problems of one cause (`recorded` has
the form in which they are kept). It knows no store, no clock and no text in any language.

`parameters` has every number of the model; `model` says how they are used. Each kind of cause has a
module: `own_causes`, `shared_causes`, `other_ends`. `others`, `free_shares`, `habits` and
`receivers` have what the other participants say for them, `ranking` makes the answer.
"""

from jmmc.quality.causes.answer import Answer, Cause, Fact
from jmmc.quality.causes.crowd import Crowd
from jmmc.quality.causes.incidents import Explained, Incident, incidents
from jmmc.quality.causes.model import likely_causes
from jmmc.quality.causes.records import Records

__all__ = [
    "Answer",
    "Cause",
    "Crowd",
    "Explained",
    "Fact",
    "Incident",
    "Records",
    "answer",
    "clipping",
    "incidents",
    "likely_causes",
    "parameters",
    "recorded",
    "records",
]
