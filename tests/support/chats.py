"""Chats and incident services as receivers: each takes what its documentation describes.

They stand on this machine. Those that have one name in the world (hooks.slack.com) are reached
through `TunnelProxy`, a proxy as companies have them, with a certificate that it made itself.
"""

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Received(NamedTuple):
    """A request that a service got: where it was sent, its headers (lower case) and its body."""

    host: str
    path: str
    headers: dict[str, str]
    body: Any


Judge = Callable[[Received], tuple[int, str]]
"""What a service answers: status and text."""


def slack(received: Received) -> tuple[int, str]:
    """https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""
    if not received.path.startswith("/services/T"):
        return 404, "no_service"
    body = received.body
    fallback = [part.get("text") or part.get("fallback") for part in body.get("attachments", [])]
    if not (body.get("text") or body.get("blocks") or any(fallback)):
        return 400, "no_text"
    return 200, "ok"


def mattermost(received: Received) -> tuple[int, str]:
    """https://developers.mattermost.com/integrate/webhooks/incoming/"""
    if not received.path.startswith("/hooks/"):
        return 404, "not found"
    body = received.body
    if not (body.get("text") or body.get("attachments")):
        return 400, "no text specified"
    if not str(body.get("type", "custom_")).startswith("custom_"):
        return 400, "invalid type"
    return 200, "ok"


def teams(received: Received) -> tuple[int, str]:
    """The workflow "Post to a channel when a webhook request is received" of Power Automate."""
    attachments = received.body.get("attachments") or []
    if received.body.get("type") != "message" or not attachments:
        return 400, "TriggerInputSchemaMismatch"
    card = attachments[0]
    if card.get("contentType") != "application/vnd.microsoft.card.adaptive":
        return 400, "wrong contentType"
    if card["content"].get("type") != "AdaptiveCard" or not card["content"].get("body"):
        return 400, "no card"
    return 202, ""


def google_chat(received: Received) -> tuple[int, str]:
    """https://developers.google.com/workspace/chat/quickstart/webhooks"""
    if not (received.body.get("text") or received.body.get("cardsV2")):
        return 400, "Message cannot be empty"
    return 200, "{}"


def discord(received: Received) -> tuple[int, str]:
    """https://discord.com/developers/docs/resources/webhook#execute-webhook"""
    body = received.body
    if not (body.get("content") or body.get("embeds")):
        return 400, '{"message": "Cannot send an empty message", "code": 50006}'
    if len(body.get("content") or "") > 2000:
        return 400, "too long"
    return 204, ""


def ntfy(received: Received) -> tuple[int, str]:
    """https://docs.ntfy.sh/publish/#publish-as-json"""
    body = received.body
    if urlsplit(received.path).path in ("", "/") and not body.get("topic"):
        return 400, '{"code": 40009, "http": 400, "error": "topic invalid"}'
    return (200, "{}") if body.get("message") else (400, "no message")


def pagerduty(received: Received) -> tuple[int, str]:
    """https://developer.pagerduty.com/docs/events-api-v2/trigger-events/"""
    body = received.body
    if received.path != "/v2/enqueue" or not body.get("routing_key"):
        return 400, "invalid event"
    if body["event_action"] == "resolve":
        return (202, "{}") if body.get("dedup_key") else (400, "dedup_key")
    payload = body.get("payload", {})
    if not (payload.get("summary") and payload.get("source")):
        return 400, "payload"
    if payload.get("severity") not in ("critical", "error", "warning", "info"):
        return 400, "severity"
    return 202, '{"status": "success"}'


def alertmanager(received: Received) -> tuple[int, str]:
    """https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml, postableAlerts"""
    if not urlsplit(received.path).path.endswith("/api/v2/alerts"):
        return 404, "not found"
    for alert in received.body:
        texts = [*alert["labels"].values(), *alert.get("annotations", {}).values()]
        if not all(isinstance(text, str) for text in texts):
            return 422, "must be of type string"
        if not alert["labels"].get("alertname"):
            return 400, "no labels"
    return (200, "") if received.body else (400, "empty")


class ChatServer:
    """One service behind a real HTTP server; with `certificate`, over TLS under any name."""

    def __init__(self, judge: Judge, certificate: tuple[Path, Path] | None = None) -> None:
        self.received: list[Received] = []
        self.refused: list[str] = []
        self.redirect_to = ""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): text for name, text in self.headers.items()}
                received = Received(self.headers["host"], self.path, headers, json.loads(raw))
                server.received.append(received)
                status, text = (307, "") if server.redirect_to else judge(received)
                if status >= 400:
                    server.refused.append(text)
                self.send_response(status)
                if server.redirect_to:
                    self.send_header("location", server.redirect_to)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class TunnelProxy:
    """A proxy that takes CONNECT to the `hosts` it knows, and leads each to a port of ours.

    `requests` has the first line of each request; requests without CONNECT are led by their URL.
    """

    def __init__(self, hosts: dict[str, int], *, authorization: str = "") -> None:
        self.requests: list[str] = []
        self._hosts = hosts
        self._authorization = authorization
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._lead, args=(connection,), daemon=True).start()

    def _lead(self, connection: socket.socket) -> None:
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65_536)
            line = head.partition(b"\r\n")[0].decode()
            self.requests.append(line)
            method, target, _ = line.split(" ")
            host = target.partition(":")[0] if method == "CONNECT" else urlsplit(target).hostname
            if self._authorization and self._authorization.lower() not in head.decode().lower():
                connection.sendall(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n")
                return
            if host not in self._hosts:
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self._hosts[host])) as onward:
                if method == "CONNECT":
                    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    parts = urlsplit(target)
                    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
                    onward.sendall(head.replace(target.encode(), path.encode(), 1))
                back = threading.Thread(target=_copy, args=(onward, connection), daemon=True)
                back.start()
                _copy(connection, onward)
                back.join(10)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while chunk := source.recv(65_536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def make_certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """A certificate for `names` that signs itself, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    alternatives = ",".join(f"DNS:{name}" for name in names)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=services", "-addext", f"subjectAltName={alternatives}",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key
