"""Errors as answers: `application/problem+json` (RFC 9457)."""

from http import HTTPStatus

from starlette.responses import Response

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
