"""Field types that tell serializers how to show a value, so that none needs a list of names."""

from typing import Annotated

from msgspec import Meta

MOMENT, HIDDEN = "moment", "hidden"
"""Values of `extra["kind"]`: an integer that is a time, a field that no answer shows."""

PLACES = "places"
"""Key of `extra`: the places after the point that answers show of a number."""

ExactShare = Annotated[float, Meta(extra={PLACES: 4})]
"""0 to 1, not rounded, so that pages round it once; four places in answers."""

ShareInterval = tuple[ExactShare, ExactShare]
"""The ends of an interval of a share."""

ExactMean = Annotated[float, Meta(extra={PLACES: 2})]
"""Not rounded; two places in answers."""

ExactCorrelation = Annotated[float, Meta(extra={PLACES: 3})]
"""-1 to 1, not rounded; three places in answers."""

Moment = Annotated[int, Meta(extra={"kind": MOMENT})]
"""Unix seconds; ISO 8601 in UTC in answers."""

Hidden = Meta(extra={"kind": HIDDEN})
"""In `Annotated[...]`: a field that no answer shows."""

BrowserId = Annotated[str, Meta(extra={"name": "participant_id"})]
"""The stable id of one browser (a UUID, or its pseudonym); `participant_id` in answers."""
