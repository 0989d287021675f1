"""What must go on after a fault, within a bounded time: summaries and alerts."""

import asyncio
import secrets
import uuid
from typing import Any

from tests.faults.site import Site
from tests.support.senders import make_push
from tests.support.servers import Serve, get_json, post_push
from tests.support.waiting import wait_until_async

_WITHIN = 180.0  # Seconds: on MongoDB a killed collector keeps its lease for two minutes.
_PARTICIPANTS = 6  # An alert takes five.
_MINUTES = 10  # That an alert looks back.
_INTERVAL = 30  # Seconds between two samples.


async def alerts_go_on(site: Site) -> None:
    """A region in which all calls are poor must raise an alert, which is made from summaries."""
    region = f"region-{secrets.token_hex(4)}"
    for number in range(_PARTICIPANTS):
        serve = site.chance.choice(site.collectors)
        await asyncio.to_thread(_push_poor_call, serve, region, f"198.19.{number}.1")
    active: list[Any] = []

    async def is_active() -> bool:
        serve = site.chance.choice(site.collectors)
        url = f"http://127.0.0.1:{serve.port}/api/v1/alerts"
        active[:] = await asyncio.to_thread(get_json, url)
        return any(alert["subject"] == region for alert in active)

    await wait_until_async(
        is_active, lambda: f"no alert for {region} among {active}", within=_WITHIN, pause=0.5
    )


def _push_poor_call(serve: Serve, region: str, address: str) -> None:
    """Push the samples of the last minutes of a call that was poor all the time."""
    ages = range(60 * _MINUTES, -1, -_INTERVAL)
    poor = {"cq": 5, "d": {"pl": 40}}
    samples = [{"seq": seq, "age": age, "m": poor} for seq, age in enumerate(ages)]
    samples[0]["m"] = {**poor, "t": {"sr": region}}
    push = make_push(secrets.token_hex(16), str(uuid.uuid4()), region, samples)
    post_push(serve.url, push, address=address)
