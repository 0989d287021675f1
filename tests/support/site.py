"""A whole server in this process, to which tests push calls and which they ask over HTTP."""

import secrets
import time
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid5

from jmmc.maintenance.erase import forget
from jmmc.maintenance.schedule import summarizer_of
from jmmc.privacy.receipts import Erasure, Subject
from jmmc.protocol.identity import session_of
from jmmc.settings import Settings
from jmmc.stores import Store
from jmmc.web.site import create_app
from tests.support.builders import Answer, body, call

_ID = UUID("a40bcaa8-8b36-11ec-a8a3-0242ac120002")
STEP = 10


def person(name: str) -> str:
    """The participant id of somebody."""
    return str(uuid5(_ID, name))


class Site:
    """A server on `store`, with these settings."""

    def __init__(self, store: Store, **settings: Any) -> None:
        self.store = store
        self.settings = Settings.of(secret="x", max_pushes_per_minute=0, **settings)
        self.app = create_app(self.settings, store=store)
        self.dropped: list[str] = []
        """What the answer to the last push refused."""
        self._sid, self._seq = "", 0

    async def push(
        self,
        who: str,
        *states: dict[str, Any],
        room: str = "room",
        ago: int = 600,
        seconds: int = 120,
        after: dict[str, Any] | None = None,
        bye: bool = True,
        **more: Any,
    ) -> str:
        """Push a stay that began `ago` seconds before now, and return the session's id.

        `states` hold one after the other, each for the same time; the first sample has `join`.
        `after` is said after the end.
        """
        sid = self._sid = secrets.token_hex(16)
        count = self._seq = seconds // STEP
        samples = [{"seq": 0, "age": ago, "m": more.pop("join", {"pid": who})}]
        for seq in range(1, count + 1):
            part = states[(seq - 1) * len(states) // count] if states else {"cq": 100}
            flags = {"bye": True} if bye and seq == count else {}
            samples.append({"seq": seq, "age": ago - STEP * seq, "m": part, **flags})
        if after is not None:
            last = {"seq": count + 1, "age": ago - seconds, "m": after, "bye": True}
            samples.append(last)
        content = body(*samples, uid=person(who), conf=room, sid=sid, **more)
        answer = await call(self.app, "POST", f"{self.settings.prefix}/push", content)
        assert answer.status == 200, answer
        self.dropped = answer.json.get("dropped", [])
        return session_of(sid)

    async def summarize(self) -> None:
        """Make the summaries of all that was pushed."""
        summarizer = summarizer_of(self.store, self.settings, time.time)
        async for _ in summarizer.rebuild():
            pass

    async def get(self, path: str, status: int = 200) -> Answer:
        path, mark, query = path.partition("?")
        decoded = unquote(path) + mark + query  # As a server does.
        answer = await call(self.app, "GET", decoded, client="127.0.0.1")
        assert answer.status == status, answer
        return answer

    async def api(self, path: str) -> Any:
        return (await self.get(f"/api/v1{path}")).json

    async def page(self, path: str) -> str:
        return (await self.get(path)).body.decode()

    async def continue_last(
        self, who: str, m: dict[str, Any], room: str = "room", **more: Any
    ) -> None:
        """Push another sample of the last stay, just now."""
        self._seq += 1
        sample = {"seq": self._seq, "age": 0, "m": m, **more}
        content = body(sample, uid=person(who), conf=room, sid=self._sid)
        answer = await call(self.app, "POST", f"{self.settings.prefix}/push", content)
        assert answer.status == 200, answer

    async def restart(self) -> None:
        """Go on as a new process does, which remembers nothing."""
        await self.app.metrics.close()
        await self.store.open()
        self.app = create_app(self.settings, store=self.store)

    async def forget(self, subject: Subject) -> Erasure:
        """Erase a participant or a room, and return the receipt."""
        summarizer = summarizer_of(self.store, self.settings, time.time)
        steps = forget(self.store, subject, summarizer, clock=time.time, settle=0)
        return [step async for step in steps][-1]

    async def close(self) -> None:
        await self.app.metrics.close()
