"""The two writes of a response become one, and nothing is held back for longer."""

import asyncio

import pytest
import uvicorn
from uvicorn.server import ServerState

from jmmc.server.single_write import SingleWriteProtocol

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class RecordingTransport(asyncio.Transport):
    """Records writes and the close."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.writes.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.writes


@pytest.fixture
async def joined() -> tuple[asyncio.Transport, RecordingTransport]:
    config = uvicorn.Config(lambda: None, http=SingleWriteProtocol, interface="asgi3")
    config.load()
    protocol = SingleWriteProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    recorded = RecordingTransport()
    protocol.connection_made(recorded)
    return protocol.transport, recorded


async def test_head_and_body_leave_in_one_write(
    joined: tuple[asyncio.Transport, RecordingTransport],
) -> None:
    transport, recorded = joined
    transport.write(_HEAD)
    transport.write(b"{}")
    await asyncio.sleep(0)
    assert recorded.writes == [_HEAD + b"{}"]


async def test_a_head_without_a_body_is_written_on_the_next_loop_turn(
    joined: tuple[asyncio.Transport, RecordingTransport],
) -> None:
    transport, recorded = joined
    transport.write(_HEAD)
    await asyncio.sleep(0)
    assert recorded.writes == [_HEAD]


async def test_a_held_head_is_written_before_the_connection_closes(
    joined: tuple[asyncio.Transport, RecordingTransport],
) -> None:
    transport, recorded = joined
    transport.write(_HEAD)
    transport.close()
    await asyncio.sleep(0)
    assert recorded.writes == [_HEAD, "closed"]
