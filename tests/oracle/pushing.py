"""The v2 pushes that a browser makes of a call, written from the protocol page.

A sample every ten seconds has the means of the seconds since the sample before it, and only what
changed. Where a word or the connection changes, one sample ends the time before, and another one
of the same moment tells the change. So the moment is told whichever of the two a reader takes
for it: that of the sample with the new word, or that of the sample before it.

All moments are whole seconds, and each push has `now` in whole seconds: what is stored is exact.
"""

import http.client
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.oracle.truth import GOOD, POOR, WORDS, Call, Held

VERSION = "99.0.0"  # Of the script: after any change of a reading's meaning.
_LARGEST = 50_000  # Bytes of a push.


class Sample(NamedTuple):
    """A sample at a moment in Unix seconds, sent from an address."""

    at: int
    wire: dict[str, Any]
    address: str


class Prepared(NamedTuple):
    """A push: a body but for the ages, which depend on the moment of sending."""

    call: Call
    samples: Sequence[Sample]

    def body(self, now: int) -> bytes:
        samples = [{**sample.wire, "age": now - sample.at} for sample in self.samples]
        content = {
            "v": 2,
            "sid": self.call.sid,
            "uid": self.call.uid,
            "conf": self.call.room.rpartition("/")[2],
            "now": now,
            "samples": samples,
        }
        if tenant := self.call.room.rpartition("/")[0]:
            content["ten"] = tenant
        if samples[0]["seq"] == 0:
            content["js"] = VERSION
        return json.dumps(content, separators=(",", ":")).encode()


class Collector:
    """The door for browsers of one collector."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        assert place.hostname
        self._path = f"{place.path}/push"
        self.cookie = ""  # That the newest answer set.
        self.dropped: list[str] = []  # Readings that were refused.
        self._connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)

    def push(self, body: bytes, address: str, headers: Mapping[str, str] | None = None) -> Any:
        """Send a push from an address; it must be accepted."""
        sent = {"Content-Type": "text/plain", "X-Forwarded-For": address, **(headers or {})}
        try:
            response, content = self._exchange(body, sent)
        except (ConnectionError, http.client.HTTPException):
            # The server has closed an idle connection. Nothing is stored twice.
            self._connection.close()
            response, content = self._exchange(body, sent)
        self.cookie = (response.getheader("Set-Cookie") or "").partition(";")[0]
        assert response.status == 200, content
        answer = json.loads(content)
        self.dropped += answer.get("dropped", [])
        return answer

    def _exchange(
        self, body: bytes, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        self._connection.request("POST", self._path, body, headers)
        response = self._connection.getresponse()
        return response, response.read()

    def close(self) -> None:
        self._connection.close()


def pushes_of(samples: Iterable[Sample], call: Call) -> list[Prepared]:
    """The pushes of these samples: no one too large, and each from one address."""
    pushes: list[list[Sample]] = []
    size = 0
    for sample in samples:
        bytes_more = len(json.dumps(sample.wire)) + 20
        if not pushes or size + bytes_more > _LARGEST or pushes[-1][-1].address != sample.address:
            pushes.append([])
            size = 0
        pushes[-1].append(sample)
        size += bytes_more
    return [Prepared(call, push) for push in pushes]


@cache
def samples_of(call: Call) -> list[Sample]:
    """All samples of a call, as a browser makes and numbers them."""
    if call.raw:
        return [
            Sample(call.joined + at, {"seq": seq, "m": _nested(m), **flags}, call.start.address)
            for seq, (at, m, flags) in enumerate(call.raw)
        ]
    samples: list[Sample] = []
    known: dict[str, Any] = {}
    seq = 0
    for offset, m, flags in _moments(call):
        if any(since < offset < until for since, until in call.holes):
            seq += call.lost
            continue
        full = {"full": True} if any(offset == until for _, until in call.holes) else {}
        # The address is no reading: the collector takes it from the push of a full sample.
        address = m.pop("address", None)
        full = {"full": True} if address and offset else full
        changed = {k: v for k, v in m.items() if k == "ev" or known.get(k) != v}
        known |= {k: v for k, v in m.items() if k != "ev"}
        sent = {**known, **({"ev": m["ev"]} if "ev" in m else {})} if full else changed
        if full:
            sent = {k: v for k, v in sent.items() if v is not None}
        wire = {"seq": seq, "m": _nested(sent), **full, **flags}
        where = call.held[min(offset, call.length - 1)].address
        before = samples[-1].address if samples else where
        samples.append(Sample(call.joined + offset, wire, where if full or not offset else before))
        seq += 1
    return samples


def _moments(call: Call) -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
    """Offset, readings and flags of each sample, before holes and deltas."""
    yield (
        0,
        {"pid": call.sid[:8], "br": call.browser, "os": "Windows 11", "vis": True}
        | ({"mid": call.mid} if call.mid else {})
        | _words(call.held[0])
        | (
            dict(zip(("set.join", "set.ice", "set.med"), call.setup, strict=True))
            if call.setup
            else {}
        ),
        {},
    )
    offsets = set(range(call.every, call.length, call.every))
    turns = {at for at, _ in call.script if 0 < at < call.length and _turns(call, at)}
    before = 0
    for offset in sorted(offsets | turns):
        yield offset, _means(call, before, offset), {}
        if offset in turns:
            yield offset, _turn(call.held[offset - 1], call.held[offset]), {}
        before = offset
    if call.bye:
        drop = {"drop": call.drop} if call.drop else {}
        yield call.length, _means(call, before, call.length) | drop, {"bye": True}
    elif call.length % call.every == 0:
        yield call.length, _means(call, before, call.length), {}
    else:
        raise AssertionError("a call without bye ends at a sample")


def _turns(call: Call, offset: int) -> bool:
    """Whether something changes that a browser knows at once: a word, or the connection."""
    before, after = call.held[offset - 1], call.held[offset]
    cut = "cut" in (before.quality, after.quality) and before.quality != after.quality
    return cut or any(getattr(before, word) != getattr(after, word) for word in WORDS)


def _turn(before: Held, after: Held) -> dict[str, Any]:
    events: list[str] = []
    m: dict[str, Any] = {}
    if before.quality != after.quality:
        events += {"cut": ["restored"]}.get(before.quality, [])
        if after.quality == "cut":
            events.append("interrupted")
            m |= dict.fromkeys(GOOD)
    if "p2p" in (before.transport, after.transport) and before.transport != after.transport:
        events.append("p2p" if after.transport == "p2p" else "jvb")
    if before.address != after.address:
        m["address"] = after.address
    return {**m, **_words(after), **({"ev": events} if events else {})}


def _words(held: Held) -> dict[str, Any]:
    peer = held.transport == "p2p"
    return {
        "t.sr": held.region,
        "t.tp": "udp" if peer else held.transport,
        "t.p2p": peer,
        "cdc.v": held.codec,
        "cdc.a": "opus",
        "t.brg": None if peer else held.bridge or None,
        # The label that Chrome gives to the default microphone.
        "dev.mic": f"Default - {held.microphone} (0b0e:0300)" if held.microphone else None,
    }


def _means(call: Call, since: int, until: int) -> dict[str, Any]:
    """The means of the seconds from `since` to `until`; None when nothing was measured."""
    measured = [held.quality for held in call.held[since:until] if held.quality != "cut"]
    if not measured:
        return dict.fromkeys(GOOD)
    share = measured.count("poor") / len(measured)
    if share in (0, 1):
        return dict(POOR if share else GOOD)
    return {key: round(good + share * (POOR[key] - good), 2) for key, good in GOOD.items()}


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        group, _, leaf = key.rpartition(".")
        (nested.setdefault(group, {}) if group else nested)[leaf] = value
    return nested
