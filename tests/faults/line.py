"""A TCP proxy between a collector and its database that can fail."""

import asyncio
from enum import Enum


class State(Enum):
    """The state of the proxy.

    CUT refuses and resets connections; SILENT holds all data until the state is FINE again; DEAF
    forwards requests and drops responses.
    """

    FINE = "fine"
    CUT = "cut"
    SILENT = "silent"
    DEAF = "deaf"


class Line:
    """Listens on `port` of this machine and forwards connections to another port, `target`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._state = State.FINE
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def set_state(self, state: State) -> None:
        """Change the state. Dropped data stays lost: connections that were DEAF are reset."""
        before, self._state = self._state, state
        if state is State.CUT or before is State.DEAF:
            for writer in self._writers:
                writer.transport.abort()
        self._changed.set()
        self._changed = asyncio.Event()

    async def close(self) -> None:
        self.set_state(State.CUT)
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        onward: asyncio.StreamWriter | None = None
        try:
            if self._state is State.CUT:
                return
            back, onward = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(onward)
            await asyncio.gather(
                self._pass(reader, onward, back=False), self._pass(back, writer, back=True)
            )
        except (OSError, asyncio.CancelledError):
            pass  # Cut by the fault, or closed by one of the ends.
        finally:
            for end in (writer, onward):
                if end is not None:
                    end.transport.abort()
                    self._writers.discard(end)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, back: bool
    ) -> None:
        while data := await reader.read(65536):
            while self._state is State.SILENT:
                await self._changed.wait()
            if back and self._state is State.DEAF:
                continue
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError  # Ends the other direction, too.
