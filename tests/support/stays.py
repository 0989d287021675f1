"""Stays and attempts to join, as pushes of a browser whose script tells how joins went."""

from typing import Any, NamedTuple

import msgspec

from jmmc.core.model import Push
from jmmc.core.readings import TECHNICAL_FAILURES
from tests.support.builders import push, sample

START = 1_789_948_800  # A Monday, 00:00 UTC


class Made(NamedTuple):
    """A session: a stay where `failure` does not end the join, else an attempt."""

    began: int
    ended: int
    outcome: str
    failure: str
    region: str
    person: int
    room: str
    setup: tuple[int, ...] = (500, 100, 300)

    @property
    def is_attempt(self) -> bool:
        return self.outcome in ("failed", "refused")


def push_of(number: int, made: Made) -> Push:
    """The push of a session; its id is its number."""
    join, ice, media = made.setup
    path = {"rip": f"198.51.{made.person}.7"} | ({"sr": made.region} if made.region else {})
    m: dict[str, Any] = {"br": "Chrome 131", "pid": f"p{number}", "t": path}
    has_media = not made.is_attempt and made.outcome != "no_media"
    if made.outcome:
        m["set"] = {"join": join, "ice": ice, "med": media} if has_media else {"join": join}
    if made.is_attempt:
        m["fail"] = made.failure
    first = sample(0, msgspec.json.encode(m).decode(), ts=made.began, bye=made.is_attempt)
    samples = [first]
    if not made.is_attempt:
        last = {"drop": made.failure} if made.outcome in ("dropped", "no_media") else {}
        times = [*range(made.began + 30, made.ended, 30), made.ended]
        for seq, ts in enumerate(times, 1):
            content = ({"cq": 100} if has_media else {}) | (last if ts == made.ended else {})
            text = msgspec.json.encode(content).decode()
            samples.append(sample(seq, text, ts=ts, bye=ts == made.ended))
    browser_id = f"{made.person:08x}-0000-4000-8000-000000000000"
    return push(
        session=f"{number:024x}", room=made.room, browser_id=browser_id, samples=tuple(samples)
    )


def stay(began: int, length: int, **more: Any) -> Made:
    fields = {"outcome": "joined", "failure": "", "region": "eu", "person": 1, "room": "standup"}
    return Made(START + began, START + began + length, **{**fields, **more})


def attempt(at: int, failure: str = "ice_failed", **more: Any) -> Made:
    outcome = "failed" if failure in TECHNICAL_FAILURES else "refused"
    return stay(at, 0, outcome=outcome, failure=failure, **more)
