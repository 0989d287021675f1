"""What goes wrong in an answer, as `application/problem+json` (RFC 9457)."""

from http import HTTPStatus

from starlette.responses import Response

from jmmc.web.http import encode


class Problem(Exception):
    """An answer that is none. `title` is a short sentence, `detail` says more."""

    def __init__(
        self, status: int, title: str, detail: str = "", *, retry_after: int | None = None
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.retry_after = retry_after

    def response(self) -> Response:
        """It, as HTTP."""
        content = {"title": self.title, "status": self.status, "detail": self.detail}
        headers = {"cache-control": "no-store"}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = "Bearer"
        return Response(encode(content), self.status, headers, "application/problem+json")
