"""Stored sessions in the stored form of the protocol, as bytes to write."""

from collections.abc import AsyncIterator

import msgspec

from jmmc.model import Dialect, Sample, Session, SessionFilter
from jmmc.stores import Store


async def session_lines(store: Store, wanted: SessionFilter) -> AsyncIterator[bytes]:
    """The wanted sessions in order of creation, each as one line of JSON."""
    async for session in store.sessions(wanted):
        yield stored_form(session) + b"\n"


def stored_form(session: Session) -> bytes:
    """A session as the document that MongoDB would hold, `_id` as 24 hex digits.

    The readings of a sample are spliced in as they are stored, neither parsed nor changed.
    """
    head: dict[str, object] = {"_id": session.id, "conf": session.conf, "uid": session.uid}
    if session.dialect is Dialect.V2:
        head["v"] = 2
    elements = b",".join(map(_element, session.samples))
    return msgspec.json.encode(head)[:-1] + b',"m":[' + elements + b"]}"


def _element(sample: Sample) -> bytes:
    own = b'{"ts":%d' % sample.ts
    if sample.seq is not None:
        own += b',"seq":%d' % sample.seq
    if sample.full:
        own += b',"full":true'
    if sample.bye:
        own += b',"bye":true'
    return own + (b"}" if sample.readings == b"{}" else b"," + sample.readings[1:])
