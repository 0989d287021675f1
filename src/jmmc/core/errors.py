"""What can go wrong, as one tree. Nothing here knows HTTP: the doors choose the status."""

from typing import Literal, get_args

Reason = Literal[
    "malformed",
    "too_large",
    "bad_uid",
    "bad_conf",
    "bad_sid",
    "no_session",
    "empty",
    "throttled",
    "busy",
    "store_down",
]
"""Why a push was refused: the same word in the answer, in the counters and in the log."""

REASONS: tuple[Reason, ...] = get_args(Reason)


class JmmcError(Exception):
    """The root of every error that this package raises on purpose."""


class SettingsError(JmmcError):
    """A setting has a value that is not allowed; the message names both and says what is."""


class StoreError(JmmcError):
    """The store cannot do what was asked now; the driver's error is chained as its cause."""


class UnusableStore(StoreError):
    """The store will never work as configured: wrong URL, foreign, corrupt or too new."""


class Rejected(JmmcError):
    """A push that is not stored.

    `reason` is one of `REASONS`; `detail` is a sentence for a developer's console;
    `retry_after` (seconds) says that the same push may be accepted later.
    """

    def __init__(self, reason: Reason, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail
        self.retry_after = retry_after
