"""Builders of pushes, samples and bodies, and a caller of ASGI apps."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from jmmc.core.model import Dialect, Push, Sample
from jmmc.quality.summary import Summary
from jmmc.quality.timeline import Rhythm
from jmmc.web.http import Message, Scope

UID = "a40bcaa8-8b36-11ec-a8a3-0242ac120002"
SID = "5f3c0d5e9b1a4f0e8d7c6b5a49382716"
RHYTHM = Rhythm(30, 75)
"""That of the samples here: one every 30 seconds."""
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)


def sample(seq: int | None, readings: str = '{"cq":100}', **marks: Any) -> Sample:
    ts = marks.pop("ts", 1_700_000_000 + 30 * (seq or 0))
    return Sample(seq, ts, readings.encode(), **marks)


def push(*seqs: int, session: str = "0" * 23 + "1", room: str = "room", **more: Any) -> Push:
    samples = more.pop("samples", None) or tuple(sample(seq) for seq in seqs)
    return Push(session, room, more.pop("browser_id", UID), Dialect.V2, samples, **more)


def v1_push(
    readings: str = '{"cq":100}', *, session: str = "0" * 23 + "9", opens: bool = False
) -> Push:
    return Push(session, "room", UID, Dialect.V1, (sample(None, readings),), opens)


def body(*samples: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A v2 body; without samples it has the one of a join."""
    fields = {"v": 2, "sid": SID, "uid": UID, "conf": "room"}
    return {**fields, "samples": list(samples) or [wire_sample(0, {"pid": "8b4139fa"})], **more}


def wire_sample(seq: int, m: Any, **more: Any) -> dict[str, Any]:
    return {"seq": seq, "age": 0, "m": m, **more}


def v1_body(m: Any, **more: Any) -> dict[str, Any]:
    return {"uid": UID, "conf": "room", "m": m, **more}


def samples_of(parts: Sequence[tuple[int, Mapping[str, Any]]]) -> list[Sample]:
    """The samples of a page, of what changed at each moment; the last moment is the end.

    A sample speaks of the time before it, and events have moments of their own.
    """
    made = [Sample(0, parts[0][0], b"{}")]
    for seq, ((at, changes), (end, _)) in enumerate(pairwise(parts), 1):
        m = dict(changes)
        if "ev" in m:
            m["ev"] = [[name, end - at] for name in m["ev"]]
        made.append(Sample(seq, end, json.dumps(m).encode()))
    return made


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def call(
    app: Any,
    method: str,
    path: str,
    content: Any = b"",
    *,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
    client: str | None = "203.0.113.7",
    root_path: str = "",
    chunks: Sequence[bytes] | None = None,
) -> Answer:
    """One request to an ASGI app; `content` that is not bytes is sent as JSON.

    `headers` as pairs may have several lines of one name.
    """
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    parts: Iterable[bytes] = chunks if chunks is not None else [raw]
    waiting = list(parts)
    messages: list[Message] = []
    lines = list(headers.items()) if isinstance(headers, Mapping) else list(headers or ())
    if not any(name.lower() == "content-type" for name, _ in lines):
        lines.insert(0, ("content-type", "application/json"))
    path, _, query = path.partition("?")
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": root_path + path,
        "root_path": root_path,
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in lines],
        "client": (client, 50_000) if client else None,
    }

    async def receive() -> Message:
        if not waiting:
            if chunks == []:
                return {"type": "http.disconnect"}
            await asyncio.Event().wait()  # The client waits for the response.
        part = waiting.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(waiting)}

    async def send(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, send)
    if not messages:
        return Answer(0, {}, b"")
    answered = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
    return Answer(messages[0]["status"], answered, messages[1].get("body", b""))


def shifted_in_time(summary: Summary, seconds: int) -> Summary:
    """The summary of the same session `seconds` later."""

    def later(part: Any) -> Any:
        return msgspec.structs.replace(part, start=part.start + seconds, end=part.end + seconds)

    return msgspec.structs.replace(
        summary,
        began=summary.began + seconds,
        ended=summary.ended + seconds,
        last=summary.last + seconds,
        spells=tuple(map(later, summary.spells)),
        grade_spans=tuple(map(later, summary.grade_spans)),
        segments=tuple(map(later, summary.segments)),
        events=tuple(event._replace(at=event.at + seconds) for event in summary.events),
        worst_minute=summary.worst_minute
        and summary.worst_minute._replace(start=summary.worst_minute.start + seconds),
    )
