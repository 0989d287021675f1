"""Receivers of alerts: a web server that checks signatures, and a mail server."""

import hmac
import json
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler

from tests.support.servers import free_port

SECRET = "not a secret"


class Receiver:
    """Receives webhooks; answers 503 to the first `refusals` requests.

    `taken` has the bodies that were accepted, each id once; `requests` counts every request; with
    `redirects` it answers 307.
    """

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.requests = 0
        self.redirects = False
        self.taken: list[dict[str, Any]] = []
        self._ids: set[str] = set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(receiver.take(dict(self.headers), body))
                self.send_header("content-length", "0")
                self.send_header("location", receiver.url)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?token=hush"

    def take(self, headers: dict[str, str], body: bytes) -> int:
        self.requests += 1
        if self.redirects:
            return 307
        if self.requests <= self.refusals:
            return 503
        received = {key.lower(): value for key, value in headers.items()}
        name, moment = received["webhook-id"], received["webhook-timestamp"]
        signed = f"{name}.{moment}.".encode() + body
        expected = b64encode(hmac.digest(SECRET.encode(), signed, "sha256")).decode()
        if received["webhook-signature"] != f"v1,{expected}":
            return 401
        if name not in self._ids:
            self._ids.add(name)
            self.taken.append(json.loads(body))
        return 204

    @property
    def events(self) -> list[tuple[str, str, str | None]]:
        """Type, rule and subject of each body that was accepted."""
        return [(body["type"], body["data"]["rule"], body["data"]["value"]) for body in self.taken]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class Mailbox(MessageHandler):
    """A mail server that keeps the mails that it gets."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.mails: list[Any] = []
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self._controller.start()

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)

    def close(self) -> None:
        self._controller.stop()
