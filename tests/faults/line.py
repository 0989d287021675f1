"""A TCP proxy before a database that can fail, for everybody or for some of its clients."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto


class Flow(Enum):
    """What becomes of the data of one direction; what waits is delivered when it passes again."""

    PASSES = auto()
    WAITS = auto()
    IS_LOST = auto()


class State(Enum):
    """The state of the proxy: the flow of requests, and that of responses.

    CUT also refuses and resets connections.
    """

    FINE = (Flow.PASSES, Flow.PASSES)
    CUT = (Flow.IS_LOST, Flow.IS_LOST)
    SILENT = (Flow.WAITS, Flow.WAITS)
    ANSWERS_LATE = (Flow.PASSES, Flow.WAITS)
    ANSWERS_LOST = (Flow.PASSES, Flow.IS_LOST)
    REQUESTS_LOST = (Flow.IS_LOST, Flow.PASSES)


def everybody(_port: int) -> bool:
    """Select every client."""
    return True


class Line:
    """Listens on `port` of this machine and forwards connections to another port, `target`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._state = State.FINE
        self._affects: Callable[[int], bool] = everybody
        self._changed = asyncio.Event()
        self._clients: dict[asyncio.StreamWriter, int] = {}
        """The ends of all connections, with the port of the client of each."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def set_state(self, state: State, affects: Callable[[int], bool] = everybody) -> None:
        """Change the state for the clients whose port `affects` selects; it is FINE for others.

        Data that was lost stays lost: such connections are reset by the next change.
        """
        resets = state is State.CUT or Flow.IS_LOST in self._state.value
        affected = affects if state is State.CUT else self._affects
        self._state, self._affects = state, affects
        if resets:
            for writer, port in self._clients.items():
                if affected(port):
                    writer.transport.abort()
        self._changed.set()
        self._changed = asyncio.Event()

    async def close(self) -> None:
        self.set_state(State.CUT)
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _state_for(self, port: int) -> State:
        if self._state is not State.FINE and self._affects(port):
            return self._state
        return State.FINE

    def _flow(self, port: int, direction: int) -> Flow:
        return self._state_for(port).value[direction]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        port: int = writer.get_extra_info("peername")[1]
        self._clients[writer] = port
        onward: asyncio.StreamWriter | None = None
        try:
            if self._state_for(port) is State.CUT:
                return
            back, onward = await asyncio.open_connection("127.0.0.1", self._target)
            self._clients[onward] = port
            await asyncio.gather(
                self._pass(reader, onward, port, direction=0),
                self._pass(back, writer, port, direction=1),
            )
        except (OSError, asyncio.CancelledError):
            pass  # Cut by the fault, or closed by one of the ends.
        finally:
            for end in (writer, onward):
                if end is not None:
                    end.transport.abort()
                    self._clients.pop(end, None)

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        port: int,
        *,
        direction: int,
    ) -> None:
        """Forward requests (direction 0) or responses (1) of the client at `port`."""
        while data := await reader.read(65536):
            while self._flow(port, direction) is Flow.WAITS:
                await self._changed.wait()
            if self._flow(port, direction) is not Flow.IS_LOST:
                writer.write(data)
                await writer.drain()
        raise ConnectionResetError  # Ends the other direction, too.
