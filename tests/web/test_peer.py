"""The peer of a connection, as ASGI and WSGI servers say it."""

from typing import Any

import pytest

from jmmc.web.http import peer_of


@pytest.mark.parametrize(
    ("scope", "peer"),
    [
        ({"client": ("203.0.113.7", 4711)}, "203.0.113.7"),
        ({"client": ["2001:db8::1", 0]}, "2001:db8::1"),
        ({"wsgi_environ": {"REMOTE_ADDR": "203.0.113.7"}}, "203.0.113.7"),
        # Unix sockets: of uvicorn, of gunicorn's own workers, of uWSGI.
        ({"client": None}, None),
        ({}, None),
        ({"client": ("", 0)}, None),
        ({"wsgi_environ": {"REMOTE_ADDR": ""}}, None),
        ({"client": ("0.0.0.0", 0)}, None),
    ],
)
def test_a_peer_has_an_address_unless_it_is_that_of_a_unix_socket(
    scope: dict[str, Any], peer: str | None
) -> None:
    assert peer_of(scope) == peer
