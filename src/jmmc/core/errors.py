"""The exceptions of this package, as one tree; `web` maps them to HTTP statuses."""

from typing import Literal, get_args

Reason = Literal[
    "malformed",
    "too_large",
    "bad_uid",
    "bad_conf",
    "bad_sid",
    "no_session",
    "empty",
    "session_full",
    "throttled",
    "busy",
    "store_down",
]
"""Why a push was rejected: the same word in the response, the counters and the log."""

REASONS: tuple[Reason, ...] = get_args(Reason)


class JmmcError(Exception):
    """The root of every error that this package raises on purpose."""


class Typed(str):
    """A value of a sentence as somebody typed it: quoted there, cut to 100 characters."""

    def __new__(cls, text: str) -> "Typed":  # noqa: D102
        return super().__new__(cls, text[:100])

    def __format__(self, spec: str) -> str:
        return repr(str(self))


class Worded(Exception):
    """An error with a sentence that pages translate.

    `sentence` is the English one, with the names of `values` in braces.
    """

    def __init__(self, sentence: str, **values: object) -> None:
        self.sentence = sentence
        self.values = values
        super().__init__(self._text())

    def _text(self) -> str:
        return self.sentence.format(**self.values) if self.values else self.sentence


class InvalidInput(Worded, ValueError):
    """A value that somebody gave is not allowed; the sentence says what is.

    `field` is the name of the parameter, "" for none, and `given` its value as it was typed, cut to
    100 characters, where the sentence is about it.
    """

    def __init__(
        self, sentence: str, *, field: str = "", given: str | None = None, **values: object
    ) -> None:
        self.field = field
        self.given = None if given is None else given[:100]
        super().__init__(sentence, **values)

    def of(self, field: str) -> "InvalidInput":
        """The same error, of the parameter of that name."""
        return InvalidInput(self.sentence, field=field, given=self.given, **self.values)

    def _text(self) -> str:
        if self.given is None:
            return super()._text()
        name = f"{self.field} = " if self.field else ""
        return f"{name}{self.given!r}: {super()._text()}"


class SettingsError(JmmcError):
    """Settings are invalid: each of `problems` has setting, value and allowed values in a line."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StoreError(JmmcError):
    """The store failed, and may work later; the driver's error is chained as its cause."""


class UnusableStore(StoreError):
    """The store cannot work as configured: wrong URL, foreign, corrupt or too new."""


class Rejected(JmmcError):
    """A push that is not stored.

    `reason` is one of `REASONS`; `detail` is a sentence for a developer's console;
    `retry_after` (seconds) is set when the same push may be accepted later.
    """

    def __init__(self, reason: Reason, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail
        self.retry_after = retry_after
