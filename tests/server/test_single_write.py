"""What uvicorn writes in two pieces leaves in one, and nothing is kept back."""

import asyncio

import pytest
import uvicorn
from uvicorn.server import ServerState

from jmmc.server.single_write import SingleWriteProtocol

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Line(asyncio.Transport):
    """Remembers what is written, and when it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said.append(bytes(data))

    def close(self) -> None:
        self.said.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.said


@pytest.fixture
async def joined() -> tuple[asyncio.Transport, Line]:
    config = uvicorn.Config(lambda: None, http=SingleWriteProtocol, interface="asgi3")
    config.load()
    protocol = SingleWriteProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    line = Line()
    protocol.connection_made(line)
    return protocol.transport, line


async def test_head_and_body_leave_in_one_write(joined: tuple[asyncio.Transport, Line]) -> None:
    transport, line = joined
    transport.write(_HEAD)
    transport.write(b"{}")
    await asyncio.sleep(0)
    assert line.said == [_HEAD + b"{}"]


async def test_a_head_without_a_body_is_written_on_the_next_loop_turn(
    joined: tuple[asyncio.Transport, Line],
) -> None:
    transport, line = joined
    transport.write(_HEAD)
    await asyncio.sleep(0)
    assert line.said == [_HEAD]


async def test_a_held_head_is_written_before_the_connection_closes(
    joined: tuple[asyncio.Transport, Line],
) -> None:
    transport, line = joined
    transport.write(_HEAD)
    transport.close()
    await asyncio.sleep(0)
    assert line.said == [_HEAD, "closed"]
