"""Reads sessions from a file of JSON lines, as `jmmc export` or `mongoexport` writes it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from jmmc.core.errors import StoreError, UnusableStore
from jmmc.core.model import Dialect, Sample, Session, SessionFilter, second_of, seq_of
from jmmc.protocol.identity import is_session_id

_LINES = 200  # Read at a time, in a thread.
_SQLITE = b"SQLite format 3\0"  # What such a file begins with.
_NUMBERS = {"$numberInt": int, "$numberLong": int, "$numberDouble": float}


class NdjsonFile:
    """Reads sessions from the file at `path`, in the order of its lines.

    A line that continues a session (`s`) is read as a session of that id with those samples.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    async def open(self) -> None:
        """Raise `UnusableStore` when there is no such file, or it is an SQLite store."""
        if not self.path.is_file():
            raise UnusableStore(f"{self.path}: no such file")
        with self.path.open("rb") as file:
            if file.read(len(_SQLITE)) == _SQLITE:
                url = f"sqlite:///{self.path}"
                raise UnusableStore(f"{self.path}: an SQLite store: give its URL, {url}")

    async def count(self, selection: SessionFilter) -> int:
        """How many lines are selected: a session of several documents counts several times."""
        return sum([1 async for _ in self.sessions(selection)])

    async def sessions(self, selection: SessionFilter) -> AsyncGenerator[Session]:
        """The selected sessions. Raises `StoreError`, with the line, for one that is no session."""
        with self.path.open("rb") as file:
            number = 0
            while lines := await asyncio.to_thread(lambda: list(islice(file, _LINES))):
                for line in lines:
                    number += 1
                    if not line.strip():
                        continue
                    try:
                        session = _session(_unwrapped(msgspec.json.decode(line)))
                    except (
                        msgspec.DecodeError,
                        UnicodeDecodeError,
                        TypeError,
                        ValueError,
                        OverflowError,
                        RecursionError,
                    ) as error:
                        raise StoreError(f"{self.path}:{number}: not a session: {error}") from error
                    if selection.fits(session):
                        yield session

    async def close(self) -> None:
        """Do nothing: no file is kept open."""


def _session(document: Any) -> Session:
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    key = document.get("s") or document.get("_id")
    room, browser_id, elements = document.get("conf"), document.get("uid"), document.get("m")
    if not (isinstance(key, str) and is_session_id(key)):
        raise ValueError("_id is not 24 hex digits")
    if not (isinstance(room, str) and isinstance(browser_id, str)):
        raise ValueError("conf and uid must be strings")
    if not (isinstance(elements, list) and elements):
        raise ValueError("m must be a list of samples")
    dialect = Dialect.V2 if document.get("v") == 2 else Dialect.V1
    samples = tuple(_sample(element, dialect) for element in elements)
    return Session(key.lower(), room, browser_id, dialect, samples[0].ts, samples)


def _sample(element: Any, dialect: Dialect) -> Sample:
    if not isinstance(element, dict) or (ts := second_of(element.get("ts"))) is None:
        raise ValueError("a sample without ts")
    readings = dict(element)
    del readings["ts"]
    seq = seq_of(readings.pop("seq", None))
    if dialect is Dialect.V2 and seq is None:
        raise ValueError("a sample without seq")
    full, bye = readings.pop("full", False) is True, readings.pop("bye", False) is True
    return Sample(seq, ts, msgspec.json.encode(readings), full, bye)


def _unwrapped(value: Any) -> Any:
    """The value without the type wrappers of MongoDB's extended JSON."""
    if isinstance(value, list):
        return [_unwrapped(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        ((name, inner),) = value.items()
        if name in _NUMBERS:
            return _NUMBERS[name](inner)
        if name in ("$oid", "$date"):
            return inner
    return {name: _unwrapped(inner) for name, inner in value.items()}
