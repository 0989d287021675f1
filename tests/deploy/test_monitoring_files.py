"""The files for Prometheus and Grafana: they use existing metrics, and the alerts fire."""

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from jmmc.core.timestamps import to_iso
from jmmc.monitoring.instruments import INSTRUMENTS, series_of
from tests.support.paths import ROOT
from tests.support.servers import Serve, free_port, get_json
from tests.support.waiting import wait_until

_PROMETHEUS = ROOT / "deploy" / "prometheus"
_DASHBOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
_GROUPS = yaml.safe_load((_PROMETHEUS / "alerts.yml").read_text())["groups"]
_RULES = [rule for group in _GROUPS for rule in group["rules"]]
_ALERTS = [rule for rule in _RULES if "alert" in rule]

_RECORDED = {rule["record"] for rule in _RULES if "record" in rule}
_LABELS = {
    name: set(instrument.labels) for instrument in INSTRUMENTS for name in series_of(instrument)
}
_OTHERS = {"up", "ALERTS"}
_PROCESS = {
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
}
_BY_PROMETHEUS = {"job", "instance", "le"}


def _queries(dashboard: Path) -> Iterator[str]:
    content = json.loads(dashboard.read_text())
    for panel in content["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    for variable in content["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["definition"]


_ALL_QUERIES = [rule["expr"] for rule in _RULES] + [
    query for dashboard in _DASHBOARDS for query in _queries(dashboard)
]


def _promtool(*arguments: str, folder: Path = _PROMETHEUS) -> str:
    done = subprocess.run(
        ["promtool", *arguments], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_rules_and_configuration_and_passes_their_tests() -> None:
    assert shutil.which("promtool"), "install Debian's prometheus, or call ./run test"
    _promtool("check", "rules", "alerts.yml")
    _promtool("check", "config", "--syntax-only", "prometheus.yml")
    _promtool("test", "rules", "alerts_test.yml")


@pytest.mark.parametrize("query", dict.fromkeys(_ALL_QUERIES))
def test_every_query_names_metrics_and_labels_that_exist(query: str) -> None:
    bare = re.sub(r'"[^"]*"', '""', query)
    names = set(re.findall(r"\b(?:jmmc_|process_|region:)[\w:]+", bare))
    assert names or "up{" in bare
    known = set(_LABELS) | _RECORDED | _PROCESS
    assert names <= known, names - known
    for name, selector in re.findall(r"\b(jmmc_\w+)\{([^}]*)\}", bare):
        used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
        assert used <= _LABELS[name] | _BY_PROMETHEUS, (name, used)
    labels = set().union(*(_LABELS.get(name, {"region"}) for name in names), _BY_PROMETHEUS)
    grouped = re.findall(r"\b(?:by|on|group_left|label_values)\s*\(([^)]*)\)", bare)
    for label in re.findall(r"\w+", " ".join(names for names in grouped if "jmmc_" not in names)):
        assert label in labels, label


@pytest.mark.parametrize("dashboard", _DASHBOARDS, ids=lambda path: path.name)
def test_a_dashdashboard_describes_each_panel_and_has_no_gaps(dashboard: Path) -> None:
    content = json.loads(dashboard.read_text())
    assert content["templating"]["list"][0]["type"] == "datasource"
    taken: set[tuple[int, int]] = set()
    for panel in content["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies over another panel"
        assert max(x for x, _ in cells) < 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"] and panel["fieldConfig"]["defaults"]["unit"]
            assert panel["datasource"]["uid"] == "${datasource}"
    width = {y: sum(1 for _, row in taken if row == y) for _, y in taken}
    assert set(width.values()) == {24}, "a row with a gap"
    assert len({panel["id"] for panel in content["panels"]}) == len(content["panels"])


@pytest.mark.parametrize("rule", _ALERTS, ids=lambda rule: str(rule["alert"]))
def test_every_alert_has_a_runbook_and_a_test(rule: dict[str, Any]) -> None:
    address, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert address == "https://docs.example.org/how-to/runbooks.html"  # Of the site of ./run docs.
    runbooks = (ROOT / "docs/how-to/runbooks.md").read_text("utf-8")
    assert anchor == rule["alert"].lower()
    assert rule["alert"] in re.findall(r"^## (.*)$", runbooks, re.MULTILINE)
    assert {"summary", "description", "action"} <= set(rule["annotations"])
    assert rule["labels"]["severity"] in ("warning", "critical")
    tests = (_PROMETHEUS / "alerts_test.yml").read_text()
    assert f"alertname: {rule['alert']}\n        exp_alerts:\n" in tests, (
        "no test in which it fires"
    )


def _query(port: int, path: str) -> Any:
    return get_json(f"http://127.0.0.1:{port}/api/v1/{path}")["data"]


def _accelerated(folder: Path, *, target: str, token: str) -> Path:
    """The shipped configuration and rules for this server, with seconds in place of minutes."""
    (folder / "token").write_text(token)
    rules = (_PROMETHEUS / "alerts.yml").read_text()
    rules = re.sub(r"\bfor: \w+", "for: 1s", rules)
    (folder / "alerts.yml").write_text(re.sub(r"\[\d+m\]", "[15s]", rules))
    config = (_PROMETHEUS / "prometheus.yml").read_text()
    config = config.replace("15s", "1s").replace("scheme: https", "scheme: http")
    config = config.replace("/etc/prometheus/jmmc.token", str(folder / "token"))
    (folder / "prometheus.yml").write_text(config.replace("metrics.example.org", target))
    _promtool("check", "config", "prometheus.yml", folder=folder)
    return folder / "prometheus.yml"


def test_prometheus_fires_an_alert_for_a_region_that_fails(tmp_path: Path) -> None:
    """With a token, the shipped rules, and pushes of simulated browsers."""
    serve = Serve(tmp_path / "serve")
    command = [sys.executable, "-m", "jmmc"]
    started: list[subprocess.Popen[bytes]] = []
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        try:
            made = subprocess.run(
                [*command, "token", "create", "prometheus", "--store", serve.store],
                capture_output=True,
                check=True,
                text=True,
            )
            (token,) = re.findall(r"jmmc_\S+", made.stdout)
            target = f"127.0.0.1:{serve.port}"
            config = _accelerated(tmp_path, target=target, token=token)
            prometheus = ["prometheus", f"--config.file={config}", "--log.level=warn"]
            prometheus += [f"--web.listen-address=127.0.0.1:{port}"]
            prometheus += [f"--storage.tsdb.path={tmp_path}/tsdb"]
            started.append(subprocess.Popen(prometheus, stdout=log, stderr=log))
            # The region is cut off: since 40 seconds, and for 80 more.
            simulate = [*command, "simulate", "--url", serve.url, "--seed", "11"]
            simulate += ["--participants", "120", "--rooms", "8", "--minutes", "20"]
            simulate += ["--start", to_iso(int(time.time()) - 640)]
            started.append(subprocess.Popen(simulate, stdout=log, stderr=log))
            alert = _alert(port, "JmmcRegionPoor", "eu-west", tmp_path / "log")
            assert alert["annotations"]["summary"].startswith("Calls in eu-west are poor")
            rules = [rule for group in _query(port, "rules")["groups"] for rule in group["rules"]]
            assert {rule["health"] for rule in rules} == {"ok"}, rules
            assert len(rules) == len(_RULES)
            people = _query(port, "query?query=sum(jmmc_participants)")["result"][0]["value"][1]
            assert float(people) > 10
        finally:
            for process in started:
                process.kill()
                process.wait()
            serve.close()


def _alert(port: int, name: str, region: str, log: Path) -> dict[str, Any]:
    """Wait for an alert to fire. With these short times, smaller regions may fire, too."""

    def find_alert() -> dict[str, Any] | None:
        try:
            alerts = _query(port, "alerts")["alerts"]
        except (urllib.error.URLError, ConnectionError):
            return None
        for alert in alerts:
            labels = alert["labels"]
            if (labels["alertname"], labels.get("region")) == (name, region):
                return dict(alert) if alert["state"] == "firing" else None
        return None

    alert: dict[str, Any] = wait_until(
        find_alert, lambda: f"{name} has not fired; {log.read_text()[-2000:]}", pause=0.3
    )
    return alert
