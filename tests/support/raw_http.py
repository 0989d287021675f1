"""Raw HTTP over a socket, for requests that no HTTP client would send."""

import json
import random
import socket
from typing import Any

from tests.support.builders import body
from tests.support.servers import PREFIX, Serve

PUSH = f"{PREFIX}/push"


def send(
    serve: Serve, raw: bytes, *, wait: float = 10.0, sender: str = "127.0.0.1"
) -> tuple[int, bytes]:
    """Send bytes; the status and body of the response, or 0 when the server disconnects.

    `sender` is the address to send from: by default that of a proxy on the machine itself.
    """
    address, from_address = ("127.0.0.1", serve.port), (sender, 0)
    with socket.create_connection(address, wait, source_address=from_address) as connection:
        try:
            connection.sendall(raw)
        except OSError:
            return 0, b""
        answer = b""
        try:
            while part := connection.recv(65_536):
                answer += part
                head, found, content = answer.partition(b"\r\n\r\n")
                length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
                if found and length.strip() and len(content) >= int(length):
                    break
        except ConnectionResetError:
            pass
    if not answer:
        return 0, b""
    return int(answer.split(b" ")[1]), answer.partition(b"\r\n\r\n")[2]


def request(content: bytes, *headers: str, path: str = PUSH, method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *headers]
    if not any(header.lower().startswith(("content-length", "transfer")) for header in headers):
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content


def random_sid() -> str:
    return f"{random.getrandbits(128):032x}"


def valid_push(**more: Any) -> bytes:
    """The body of a valid push of dialect v2, with a new session id."""
    return json.dumps(body(**{"conf": "hostile", "sid": random_sid(), **more})).encode()
