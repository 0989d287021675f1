"""What a browser is told about a push: the JSON of an answer."""

import msgspec
from msgspec import Struct


class Answer(Struct, omit_defaults=True, gc=False):
    """What a browser is told about a push that is stored.

    `ack`, `now` (our clock, Unix seconds), `resync` and `interval` (seconds, a wish) are for v2,
    `jmmc_objectId` names the session that a v1 push began. `dropped` names the readings that
    were refused.
    """

    ack: int | None = None
    now: float | None = None
    resync: bool = False
    interval: int | None = None
    dropped: list[str] = []
    jmmc_objectId: str | None = None  # noqa: N815 - the name is the protocol's.


_ENCODE = msgspec.json.Encoder().encode


def encode_answer(answer: Answer) -> bytes:
    """The JSON of an answer; what does not apply is absent."""
    return _ENCODE(answer)
