"""The dashboard and the API mounted in a host app."""

import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount

from jmmc import MetricsCollector, dashboard
from tests.support.builders import call


async def test_the_dashboard_can_be_mounted_under_any_prefix(tmp_path: Path) -> None:
    metrics = MetricsCollector(store=f"sqlite:///{tmp_path}/calls.db", secret="x")
    host = Starlette(routes=[Mount("/calls", dashboard(metrics))])
    for path in ("/calls/", "/calls/overview", "/calls/compare", "/calls/find", "/calls/health"):
        answer = await call(host, "GET", path, client="127.0.0.1")
        assert answer.status == 200, answer.body
        targets = re.findall(r'(?:href|src|action|data-source)="(/[^"]*)"', answer.body.decode())
        assert targets
        assert all(target.startswith("/calls/") for target in targets), targets
    assert (await call(host, "GET", "/calls/api/v1/live", client="127.0.0.1")).status == 200
    assert (await call(host, "GET", "/calls/static/pages.js", client="127.0.0.1")).status == 200
    far = await call(host, "GET", "/calls/", client="203.0.113.9")
    assert (far.status, b"jmmc user add" in far.body) == (403, True)
    await metrics.close()
