"""Field types that tell serializers how to show a value, so that none needs a list of names."""

from typing import Annotated

from msgspec import Meta

MOMENT, HIDDEN = "moment", "hidden"
"""Values of `extra["kind"]`: an integer that is a time, a field that no answer shows."""

Moment = Annotated[int, Meta(extra={"kind": MOMENT})]
"""Unix seconds; ISO 8601 in UTC in answers."""

Hidden = Meta(extra={"kind": HIDDEN})
"""In `Annotated[...]`: a field that no answer shows."""

BrowserId = Annotated[str, Meta(extra={"name": "participant_id"})]
"""The stable id of one browser (a UUID, or its pseudonym); `participant_id` in answers."""
