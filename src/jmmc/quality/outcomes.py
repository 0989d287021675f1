"""How a session went, by its outcome."""

JOINED, DROPPED, FAILED, REFUSED = "joined", "dropped", "failed", "refused"
NO_MEDIA = "no_media"
UNTOLD = ""
"""The outcome of a session whose script does not tell how joins went."""

OUTCOMES = (JOINED, DROPPED, NO_MEDIA, FAILED, REFUSED)
"""How a session went, where that is known.

`dropped`: joined, and ended by a failure. `no_media`: in the room, until it was clear that no media
would come; a join that failed. `failed`: not in the room, for a technical reason. `refused`: not in
the room by a decision, such as a wrong password, or because the person gave up.
"""

ATTEMPTS = (FAILED, REFUSED)
"""The outcomes of sessions in which nobody was in the room."""

UNSUCCESSFUL = (NO_MEDIA, *ATTEMPTS)
"""The outcomes of joins that failed or were refused."""

FAILED_JOINS = (FAILED, NO_MEDIA)
"""The outcomes of joins that failed for a technical reason."""
