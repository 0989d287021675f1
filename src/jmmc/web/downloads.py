"""Bounds how many files are streamed at a time: each holds some thousands of samples.

They do not take the places of answers, which a reader on a slow line would keep for hours.
"""

from collections import Counter
from collections.abc import Callable, Hashable

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from jmmc.web.problems import Problem

_AT_A_TIME = 4  # Each holds up to 20 MB of samples.
_OF_ONE_READER = 2
_RETRY_SECONDS = 30
_TITLE = "Too many downloads at the same time"


class Downloads:
    """Counts the files that are streamed; `reader` tells readers apart, by their addresses."""

    def __init__(self, reader: Callable[[Request], Hashable]) -> None:
        self._reader = reader
        self._streamed: Counter[Hashable] = Counter()

    def bounded(self, request: Request, file: StreamingResponse) -> Response:
        """The same file, which counts while it is sent. Raises `Problem` for too many."""
        reader = self._reader(request)
        self._check(reader)
        return _Download(file, self, reader)

    async def send(
        self, file: StreamingResponse, reader: Hashable, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send a file, or why it cannot be sent now: others may have begun since it was made."""
        try:
            self._check(reader)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        self._streamed[reader] += 1
        try:
            await file(scope, receive, send)
        finally:
            self._streamed[reader] -= 1
            if not self._streamed[reader]:
                del self._streamed[reader]

    def _check(self, reader: Hashable) -> None:
        if self._streamed[reader] >= _OF_ONE_READER:
            sentence = "wait for the end of your earlier downloads"
            raise Problem(429, _TITLE, sentence, retry_after=_RETRY_SECONDS)
        if self._streamed.total() >= _AT_A_TIME:
            sentence = "others download as well: try again later"
            raise Problem(503, _TITLE, sentence, retry_after=_RETRY_SECONDS)


class _Download(Response):
    """A file that is sent by `Downloads`."""

    def __init__(self, file: StreamingResponse, downloads: Downloads, reader: Hashable) -> None:
        self.status_code = file.status_code
        self.background = None
        self.raw_headers = file.raw_headers
        self._file = file
        self._downloads = downloads
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await self._downloads.send(self._file, self._reader, scope, receive, send)
