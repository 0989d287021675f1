"""The answer to a push that is stored."""

import msgspec
from msgspec import Struct


class Answer(Struct, omit_defaults=True, gc=False):
    """The answer to a push that is stored.

    `ack`, `now` (the server's clock, Unix seconds), `resync` and `interval` (seconds, a request)
    are for v2, `jmmc_objectId` is the session that a v1 push started. `dropped` has the readings
    that were refused.
    """

    ack: int | None = None
    now: float | None = None
    resync: bool = False
    interval: int | None = None
    dropped: list[str] = []
    jmmc_objectId: str | None = None  # noqa: N815 - the name is the protocol's.


_ENCODE = msgspec.json.Encoder().encode


def encode_answer(answer: Answer) -> bytes:
    """The JSON of an answer, without the fields that do not apply."""
    return _ENCODE(answer)
