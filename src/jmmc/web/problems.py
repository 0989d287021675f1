"""Errors as answers: `application/problem+json` (RFC 9457)."""

from http import HTTPStatus

from starlette.responses import Response

from jmmc.answers.queries import NotFoundError
from jmmc.answers.tables import MissingLibrary
from jmmc.core.errors import StoreError
from jmmc.web.http import encode


class Problem(Exception):
    """An error that a client gets. `title` is a short phrase, `detail` has the specifics.

    `sentence` is the detail with the names of `values` in braces, which pages translate.
    `retry_after` is in seconds.
    """

    def __init__(
        self,
        status: int,
        title: str,
        sentence: str = "",
        *,
        retry_after: int | None = None,
        **values: object,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.sentence = sentence
        self.values = values
        self.detail = sentence.format(**values) if values else sentence
        self.retry_after = retry_after

    def response(self) -> Response:
        """The HTTP response."""
        content = {"title": self.title, "status": self.status, "detail": self.detail}
        headers = {"cache-control": "no-store"}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = "Bearer"
        return Response(encode(content), self.status, headers, "application/problem+json")


ANSWERED = (Problem, NotFoundError, MissingLibrary, StoreError, ValueError)
"""The exceptions of a handler that have a response of their own; any other one is a bug."""


def problem_of(error: Exception) -> Problem:
    """What a client is told of one of `ANSWERED`."""
    match error:
        case Problem():
            return error
        case NotFoundError():
            return Problem(404, "Not found", str(error))
        case MissingLibrary():
            return Problem(501, "Format not available", str(error))
        case StoreError():
            return Problem(503, "The store is down", str(error), retry_after=5)
        case _:
            return Problem(400, "Invalid request", str(error))
