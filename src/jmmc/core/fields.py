"""What a field's type says about its value, so that no serializer needs a list of names."""

from typing import Annotated

from msgspec import Meta

MOMENT, HIDDEN = "moment", "hidden"
"""Values of `extra["kind"]`: an integer that is a time, a field that stays inside."""

Moment = Annotated[int, Meta(extra={"kind": MOMENT})]
"""Unix seconds; ISO 8601 in UTC outside."""

Hidden = Meta(extra={"kind": HIDDEN})
"""In `Annotated[...]`: a field that no answer shows."""

BrowserId = Annotated[str, Meta(extra={"name": "participant_id"})]
"""The stable id of one browser (a UUID, or its pseudonym), which answers call `participant_id`."""
