"""`GET /metrics`: its content, its access rules, its bounds."""

import gzip
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed
from starlette.applications import Starlette
from starlette.routing import Mount

from jmmc import MetricsCollector, dashboard
from jmmc.accounts import tokens
from jmmc.core.errors import REASONS, StoreError
from jmmc.core.model import Condition
from jmmc.monitoring.instruments import INSTRUMENTS, LABELS, series_of
from jmmc.settings import Settings
from jmmc.stores import open_store
from jmmc.stores.sqlite.store import SqliteStore
from jmmc.web.site import Server, TwoPorts, create_app
from tests.support.builders import SID, UID, Answer, body, call, v1_body, wire_sample
from tests.support.waiting import wait_until_async

_PUSH = f"{Settings().prefix}/push"


class UnreachableStore(SqliteStore):
    """A store that can be made unreachable."""

    is_unreachable = False

    async def append(self, pushes: Any) -> Any:
        if self.is_unreachable:
            raise StoreError("unreachable")
        return await super().append(pushes)

    async def check(self) -> Condition:
        if self.is_unreachable:
            raise StoreError("unreachable")
        return await super().check()

    def __init__(self, path: Any) -> None:
        super().__init__(path)
        read_file = self.connections.read

        async def read(statement: str, values: Any) -> Any:
            if self.is_unreachable:
                raise StoreError("unreachable")
            return await read_file(statement, values)

        self.connections.read = read


@pytest.fixture
def store_class() -> type[UnreachableStore]:
    return UnreachableStore


async def _get(app: Any, **more: Any) -> Answer:
    return await call(app, "GET", "/metrics", client="127.0.0.1", **more)


async def _metrics(app: Any, **more: Any) -> dict[tuple[str, ...], float]:
    """By name of the series and the values of its labels, in the order of the instrument."""
    answer = await _get(app, **more)
    assert answer.status == 200, answer.body
    order = {
        name: (*instrument.labels, "le")
        for instrument in INSTRUMENTS
        for name in series_of(instrument)
    }
    return {
        (
            sample.name,
            *(
                sample.labels[label]
                for label in order.get(sample.name, ())
                if label in sample.labels
            ),
        ): sample.value
        for family in parsed(answer.body.decode())
        for sample in family.samples
    }


async def test_each_push_has_exactly_one_outcome(app: Server) -> None:
    trimmed = body(wire_sample(0, {"cq": 900}), sid=secrets.token_hex(16))
    for content in (
        body(js="1.2.3"),
        trimmed,
        body(uid="nobody"),
        v1_body({"br": "br", "cq": 90}),
        b"not JSON",
    ):
        await call(app, "POST", _PUSH, content)
    figures = await _metrics(app)
    pushes = {key[1:]: n for key, n in figures.items() if key[0] == "jmmc_pushes_total" and n}
    assert pushes == {
        ("accepted", ""): 2,
        ("trimmed", ""): 1,
        ("rejected", "bad_uid"): 1,
        ("rejected", "malformed"): 1,
    }
    assert {key[2] for key in figures if key[0] == "jmmc_pushes_total"} == {"", *REASONS}
    assert figures["jmmc_batch_pushes_sum",] == figures["jmmc_commit_seconds_count",] == 3
    assert figures["jmmc_first_pushes_total", "1.2.3"] == 1
    assert figures["jmmc_first_pushes_total", "ancestor"] == 1
    assert figures["jmmc_first_pushes_total", "unknown"] == 1


async def test_every_instrument_is_exposed_with_its_labels(app: Server) -> None:
    await call(app, "POST", _PUSH, body(js="1.2.3"))
    await _when_summarized(app)
    families = {family.name: family for family in parsed((await _get(app)).body.decode())}
    for instrument in INSTRUMENTS:
        family = families[instrument.name]
        assert (family.type, family.documentation) == (instrument.kind, instrument.description)
        assert {label for sample in family.samples for label in sample.labels} - {"le"} == set(
            instrument.labels
        )
        assert set(instrument.labels) <= set(LABELS)
    assert "process_resident_memory" in " ".join(families)


async def test_the_number_of_script_versions_in_metrics_is_bounded(app: Server) -> None:
    for n in range(30):
        await call(app, "POST", _PUSH, body(js=f"1.0.{n}", sid=secrets.token_hex(16)))
    for js in ("<script>", 5, None, "1" * 300):
        await call(app, "POST", _PUSH, body(js=js, sid=secrets.token_hex(16)))
    figures = await _metrics(app)
    scripts = {key[1]: n for key, n in figures.items() if key[0] == "jmmc_first_pushes_total"}
    assert len(scripts) <= 12
    assert sum(scripts.values()) == 34
    assert scripts["unknown"] == 4
    assert figures["jmmc_pushes_total", "accepted", ""] == 34, "no push is lost for a label"


async def test_metrics_contain_nothing_personal(app: Server) -> None:
    await call(app, "POST", _PUSH, body(conf="secret-room"), client="203.0.113.77")
    await _when_summarized(app)
    text = (await _get(app)).body.decode()
    for private in ("secret-room", UID, SID, "203.0.113", app.metrics.collector.settings.store):
        assert private not in text


async def _when_summarized(app: Server, meetings: float = 1) -> dict[tuple[str, ...], float]:
    """The figures, once the summaries know everything."""

    async def settled() -> dict[tuple[str, ...], float] | None:
        values = await _metrics(app)
        return values if values.get(("jmmc_meetings",)) == meetings else None

    values: dict[tuple[str, ...], float] = await wait_until_async(settled)
    return values


async def test_metrics_count_participants_and_call_seconds(app: Server) -> None:
    readings = {"cq": 95, "rtt": 40, "t": {"sr": "eu", "tp": "udp"}}
    samples = [wire_sample(0, {"br": "Chrome 131"}, age=60), wire_sample(1, readings, age=20)]
    await call(app, "POST", _PUSH, body(*samples, wire_sample(2, {"d": {"pl": 30}}, age=0)))
    figures = await _when_summarized(app)
    place = ("eu", "Chrome", "udp")
    assert figures["jmmc_participants", *place, "poor"] == 1
    assert sum(n for key, n in figures.items() if key[0] == "jmmc_participants") == 1
    assert figures["jmmc_call_seconds_total", *place, "good"] == 40
    assert figures["jmmc_call_seconds_total", *place, "poor"] == 20
    assert figures["jmmc_call_rtt_seconds_bucket", "eu", "0.02"] == 0
    assert figures["jmmc_call_rtt_seconds_bucket", "eu", "0.05"] == 60
    assert (figures["jmmc_summaries_leader",], figures["jmmc_summaries_backlog",]) == (1, 0)


async def test_of_two_collectors_on_one_store_one_reports_the_calls(
    app: Server, tmp_path: Path
) -> None:
    samples = [wire_sample(0, {"cq": 95}, age=30), wire_sample(1, {}, age=0)]
    await call(app, "POST", _PUSH, body(*samples))
    first = await _when_summarized(app)
    other = create_app(Settings.of(secret="x"), store=open_store(f"sqlite:///{tmp_path}/calls.db"))
    second = await _metrics(other)
    assert first["jmmc_summaries_leader",] + second["jmmc_summaries_leader",] == 1
    assert not [key for key in second if key[0] in ("jmmc_participants", "jmmc_meetings")]
    for figures, seconds in ((first, 30), (second, 0)):
        counted = [n for key, n in figures.items() if key[0] == "jmmc_call_seconds_total"]
        assert sum(counted) == seconds
    await other.metrics.close()


async def test_metrics_need_access_as_the_api_does(app: Server, store: UnreachableStore) -> None:
    far = await call(app, "GET", "/metrics", client="203.0.113.9")
    assert (far.status, far.headers["content-type"]) == (403, "application/problem+json")
    secret = await tokens.create(store.reports, "prometheus", ("read",), 0)
    assert (await _get(app)).status == 401
    headers = {"authorization": f"Bearer {secret}"}
    assert (await call(app, "GET", "/metrics", headers=headers)).status == 200
    export = await tokens.create(store.reports, "backup", ("export",), 0)
    assert (await _get(app, headers={"authorization": f"Bearer {export}"})).status == 403


async def test_while_the_store_is_down_metrics_stay_open_to_known_callers(
    app: Server, store: UnreachableStore
) -> None:
    secret = await tokens.create(store.reports, "prometheus", ("read",), 0)
    headers = {"authorization": f"Bearer {secret}"}
    before = await _metrics(app, headers=headers)
    assert (before["jmmc_store_up",], before["jmmc_store_errors_total", "commit"]) == (1, 0)
    store.is_unreachable = True
    assert (await call(app, "POST", _PUSH, body())).status == 503
    during = await _metrics(app, headers=headers)
    assert (during["jmmc_store_up",], during["jmmc_store_errors_total", "commit"]) == (0, 1)
    assert during["jmmc_pushes_total", "rejected", "store_down"] == 1
    assert ("jmmc_store_bytes",) not in during, "unknown is not zero"
    assert (await _get(app, headers={"authorization": "Bearer guess"})).status == 503


async def test_openmetrics_and_gzip_are_served_on_request(app: Server) -> None:
    headers = {"accept": "application/openmetrics-text;version=1.0.0", "accept-encoding": "gzip"}
    answer = await _get(app, headers=headers)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert gzip.decompress(answer.body).endswith(b"# EOF\n")


async def test_a_separate_metrics_port_serves_metrics_to_anybody_and_nothing_else(
    app: Server,
) -> None:
    both = TwoPorts(app, 9464)

    async def ask(path: str, port: int, method: str = "GET") -> int:
        async def on_port(scope: Any, receive: Any, send: Any) -> None:
            await both({**scope, "server": ("10.0.0.1", port)}, receive, send)

        return (await call(on_port, method, path, body(), client="203.0.113.9")).status

    assert await ask("/metrics", 9464) == 200
    assert await ask("/metrics", 8080) == 403
    assert await ask("/metrics", 9464, "POST") == 405
    assert await ask(_PUSH, 9464, "POST") == 404
    assert await ask("/healthz", 9464) == 404
    assert await ask(_PUSH, 8080, "POST") == 200


async def test_a_mounted_app_serves_metrics(tmp_path: Path) -> None:
    metrics = MetricsCollector(store=f"sqlite:///{tmp_path}/calls.db", secret="x")
    host = Starlette(routes=[Mount("/calls", dashboard(metrics))])
    answer = await call(host, "GET", "/calls/metrics", client="127.0.0.1")
    assert b"jmmc_build_info{" in answer.body
    await metrics.close()


def test_a_metrics_port_equal_to_the_port_is_refused_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "jmmc", "serve", "--store", f"sqlite:///{tmp_path}/x.db"]
    command += ["--port", "18999", "--metrics-port", "18999"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "jmmc: metrics_port must differ from port (both are 18999)\n"
