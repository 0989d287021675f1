"""Alerts to chats and incident services, each with a receiver that takes only its own form."""

import base64
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from jmmc.alerting.channels import channels_of
from jmmc.alerting.decision import State
from jmmc.alerting.notifications import Notification, NotificationEvent, make_notification
from jmmc.alerting.posting import NotDelivered
from jmmc.core.errors import SettingsError
from jmmc.settings import PoorShare, Settings
from tests.support import chats
from tests.support.chats import ChatServer, Judge, TunnelProxy, make_certificate
from tests.support.commands import jmmc
from tests.support.servers import FASTER, Serve
from tests.support.waiting import wait_until

# Of Apprise's own imports.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

_TOKEN = "hushhushhushhushhushhushhu"
_RULE = PoorShare.model_validate({"name": "region-poor", "kind": "poor_share", "by": "region"})


class Case(NamedTuple):
    """A service: the URL that an operator gives, the host it goes to, and what takes it there."""

    url: str
    host: str
    judge: Judge


# Services of one name in the world, by the URL that each shows to who makes a webhook there.
_CLOUD = {
    "Slack": Case(
        f"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{_TOKEN[:24]}",
        "hooks.slack.com",
        chats.slack,
    ),
    "Teams": Case(
        "https://prod-1.westeurope.logic.azure.com:443/workflows/0123456789abcdef/triggers/manual"
        f"/paths/invoke?api-version=2016-06-01&sp=x&sv=1.0&sig={_TOKEN}",
        "prod-1.westeurope.logic.azure.com",
        chats.teams,
    ),
    "Google Chat": Case(
        f"https://chat.googleapis.com/v1/spaces/AAAA/messages?key=abc&token={_TOKEN}",
        "chat.googleapis.com",
        chats.google_chat,
    ),
    "Discord": Case(
        f"https://discord.com/api/webhooks/123456789012345678/{_TOKEN}",
        "discord.com",
        chats.discord,
    ),
    "ntfy": Case("https://ntfy.sh/hushhush", "ntfy.sh", chats.ntfy),
    "PagerDuty": Case(f"pagerduty://{_TOKEN}hushhu", "events.pagerduty.com", chats.pagerduty),
    "Apprise's own form": Case(
        f"slack://T1JJ3T3L2/A1BRTD4JD/{_TOKEN[:24]}", "hooks.slack.com", chats.slack
    ),
}
# Services that people host, by URLs with the place of the test's server.
_HOSTED: dict[str, tuple[str, Judge]] = {
    "Mattermost": (f"http://{{place}}/hooks/{_TOKEN}", chats.mattermost),
    "Mattermost, Apprise's form": (f"mmost://{{place}}/{_TOKEN}", chats.mattermost),
    "ntfy, own server": ("ntfy://{place}/hushhush", chats.ntfy),
    "Alertmanager": ("alertmanager://{place}", chats.alertmanager),
    "Alertmanager, below a path": ("alertmanager://{place}/prometheus/", chats.alertmanager),
    "Alertmanager, plain URL": ("http://{place}/api/v2/alerts", chats.alertmanager),
}


@pytest.fixture
def servers() -> Iterator[list[ChatServer | TunnelProxy]]:
    servers: list[ChatServer | TunnelProxy] = []
    yield servers
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    hosts = {case.host for case in _CLOUD.values()}
    return make_certificate(tmp_path_factory.mktemp("tls"), *hosts)


def _notification(event: NotificationEvent = "firing", value: str = "eu-west") -> Notification:
    state = State("region-poor", value, 1_790_078_400, 1_790_079_000, None, {"poor_share": 0.4})
    return make_notification(
        event,
        _RULE,
        state,
        at=1_790_079_000,
        public_url="https://metrics.example.org",
        collector="metrics1",
    )


def _send(url: str, *notifications: Notification, private: str = "127.0.0.1") -> list[str]:
    settings = Settings.of(alert_services=url, alert_private_targets=private)
    (channel,) = channels_of(settings)
    return [channel.send(notification, 1_790_079_000) for notification in notifications]


def _alerts_test(*options: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return jmmc("alerts", "test", *options, folder=Path.cwd(), **environ)


@pytest.mark.parametrize("name", _CLOUD)
def test_a_service_takes_alerts_in_its_own_form_through_the_proxy_of_the_environment(
    name: str,
    certificate: tuple[Path, Path],
    servers: list[ChatServer | TunnelProxy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = _CLOUD[name]
    server = ChatServer(case.judge, certificate)
    proxy = TunnelProxy({case.host: server.port})
    servers += [server, proxy]
    trust = str(certificate[0])
    done = _alerts_test(
        "--alert-services", case.url, HTTPS_PROXY=proxy.url, REQUESTS_CA_BUNDLE=trust
    )
    assert server.refused == []
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.startswith("ok ")
    assert "hush" not in done.stdout
    (request,) = proxy.requests
    assert re.fullmatch(rf"CONNECT {case.host}:443 HTTP/1\.[01]", request)  # 1.1 from Python 3.12.
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", trust)
    assert _send(case.url, _notification(), _notification("resolved")) == ["accepted"] * 2
    assert server.refused == []
    sent = [json.dumps(received.body) for received in server.received]
    assert "Test, nothing is wrong: the store cannot be written" in sent[0]
    if name != "PagerDuty":
        assert "Firing: region-poor" in sent[1]
        assert "Resolved: " in sent[2]
    assert "40 % of the known time in region eu-west was poor" in sent[1]
    assert "https://metrics.example.org/overview?since=2026-" in sent[1]


@pytest.mark.parametrize("name", _HOSTED)
def test_a_service_of_ones_own_takes_alerts_in_its_own_form(
    name: str, servers: list[ChatServer | TunnelProxy]
) -> None:
    form, judge = _HOSTED[name]
    server = ChatServer(judge)
    servers.append(server)
    url = form.format(place=f"127.0.0.1:{server.port}")
    done = _alerts_test("--alert-services", url, "--alert-private-targets", "127.0.0.1")
    assert (done.returncode, done.stderr, server.refused) == (0, "", []), done.stdout
    assert "hush" not in done.stdout
    _send(url, _notification(), _notification("resolved"))
    assert server.refused == []
    assert len(server.received) == 3
    assert "40 % of the known time in region eu-west was poor" in json.dumps(
        server.received[1].body
    )


def test_pagerduty_resolves_the_incident_that_it_opened(
    certificate: tuple[Path, Path],
    servers: list[ChatServer | TunnelProxy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = _CLOUD["PagerDuty"]
    server = ChatServer(case.judge, certificate)
    proxy = TunnelProxy({case.host: server.port})
    servers += [server, proxy]
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    other = _notification(value="us-east")
    _send(case.url, _notification(), _notification("resolved"), other)
    opened, resolved, opened_elsewhere = (received.body for received in server.received)
    assert (opened["event_action"], resolved["event_action"]) == ("trigger", "resolve")
    assert opened["payload"]["severity"] == "warning"
    assert opened["dedup_key"] == resolved["dedup_key"] != opened_elsewhere["dedup_key"]
    assert opened["routing_key"] == f"{_TOKEN}hushhu"


def test_alertmanager_gets_one_alert_with_its_beginning_and_its_end(
    servers: list[ChatServer | TunnelProxy],
) -> None:
    server = ChatServer(chats.alertmanager)
    servers.append(server)
    url = f"alertmanager://ann:p%40ss@127.0.0.1:{server.port}"
    _send(url, _notification(), _notification("resolved"))
    (firing,), (resolved,) = (received.body for received in server.received)
    assert firing["labels"] == resolved["labels"]
    assert firing["labels"] == {
        "alertname": "region-poor",
        "kind": "poor_share",
        "region": "eu-west",
        "service": "jmmc",
    }
    assert firing["startsAt"] == resolved["startsAt"] == "2026-09-22T12:00:00Z"
    assert firing["endsAt"] == "2026-09-29T12:10:00Z", "or it would end by itself in 5 minutes"
    assert resolved["endsAt"] == "2026-09-22T12:10:00Z"
    assert firing["generatorURL"].startswith("https://metrics.example.org/overview?")
    expected = base64.b64encode(b"ann:p@ss").decode()
    assert server.received[0].headers["authorization"] == f"Basic {expected}"


@pytest.mark.parametrize("name", ["Slack", "Discord", "Teams", "Google Chat", "Mattermost"])
def test_a_browser_cannot_mention_anybody_or_put_links_into_a_chat(
    name: str,
    certificate: tuple[Path, Path],
    servers: list[ChatServer | TunnelProxy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hostile = "<!channel> @everyone [x](http://evil.example/) <http://evil.example|y> `*_"
    if name in _CLOUD:
        case = _CLOUD[name]
        server = ChatServer(case.judge, certificate)
        proxy = TunnelProxy({case.host: server.port})
        servers += [server, proxy]
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
        url = case.url
    else:
        server = ChatServer(chats.mattermost)
        servers.append(server)
        url = _HOSTED[name][0].format(place=f"127.0.0.1:{server.port}")
    _send(url, _notification(value=hostile))
    sent = json.dumps(server.received[0].body)
    for harmful in ("<!channel", "@everyone", "http://evil", "[x](", "|y"):
        assert harmful not in sent


def test_what_a_service_answers_is_said_without_its_secret(
    certificate: tuple[Path, Path], servers: list[ChatServer | TunnelProxy]
) -> None:
    server = ChatServer(lambda _: (403, "invalid_token"), certificate)
    proxy = TunnelProxy({"hooks.slack.com": server.port})
    servers += [server, proxy]
    options = ["--alert-services", _CLOUD["Slack"].url]
    trust = {"HTTPS_PROXY": proxy.url, "REQUESTS_CA_BUNDLE": str(certificate[0])}
    done = _alerts_test(*options, **trust)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("FAIL Slack: ")
    assert "403" in done.stdout
    done = _alerts_test("--alert-services", _CLOUD["Discord"].url, **trust)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("FAIL Discord: ")
    assert "hush" not in done.stdout


def test_a_redirect_of_a_service_is_not_followed(servers: list[ChatServer | TunnelProxy]) -> None:
    server, other = ChatServer(chats.mattermost), ChatServer(chats.mattermost)
    servers += [server, other]
    server.redirect_to = f"{other.url}/hooks/{_TOKEN}"
    with pytest.raises(NotDelivered, match="307"):
        _send(f"{server.url}/hooks/{_TOKEN}", _notification())
    with pytest.raises(NotDelivered, match="answers 307"):
        _send(f"{server.url}/api/v2/alerts", _notification())
    assert other.received == []


@pytest.mark.parametrize(
    "url",
    [
        "nonsense://x/hushhush",
        "https://example.org/hushhush",
        "slack://hushhush",
        "https://x.webhook.office.com/webhookb2/hushhush/IncomingWebhook/hushhush/c",
    ],
)
def test_a_url_of_no_service_is_refused_at_the_start_in_one_line_without_its_secret(
    tmp_path: Path, url: str
) -> None:
    with pytest.raises(SettingsError, match="alert_services: a URL that begins with") as refused:
        channels_of(Settings.of(alert_services=url))
    assert "hush" not in str(refused.value)
    done = jmmc("serve", "--alert-services", url, "--port", "0", folder=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr == f"jmmc: {refused.value}\n"
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_services_are_refused_with_how_to_install_it(
    tmp_path: Path, servers: list[ChatServer | TunnelProxy]
) -> None:
    (tmp_path / "apprise.py").write_text("raise ImportError")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-m", "jmmc", "alerts", "test", "--alert-services"]
    run = partial(subprocess.run, capture_output=True, text=True, timeout=60, env=environ)
    done = run([*command, "https://ntfy.sh/hushhush"])
    assert done.returncode == 2
    assert done.stderr.startswith("jmmc: alert_services needs apprise; install the extra 'chat'")
    server = ChatServer(chats.alertmanager)
    servers.append(server)
    options = [f"alertmanager://127.0.0.1:{server.port}", "--alert-private-targets", "127.0.0.1"]
    assert run([*command, *options]).returncode == 0


def test_a_list_of_services_may_have_commas_inside_its_urls() -> None:
    text = "slack://a/b/c/#x,#y, mmosts://h/t?to=a,b\ntgram://1/2"
    settings = Settings.of(alert_services=text)
    assert settings.alert_services == (
        "slack://a/b/c/#x,#y",
        "mmosts://h/t?to=a,b",
        "tgram://1/2",
    )


def test_a_running_collector_sends_to_services_and_its_log_shows_no_secret(
    tmp_path: Path, servers: list[ChatServer | TunnelProxy]
) -> None:
    """Also of one that does not answer, whose URL the libraries would log."""
    server = ChatServer(chats.mattermost)
    servers.append(server)
    toml = tmp_path / "jmmc.toml"
    toml.write_text(
        f'alert_services = ["{server.url}/hooks/{_TOKEN}", "mmost://127.0.0.1:1/{_TOKEN}"]\n'
        f'alert_webhooks = ["http://127.0.0.1:1/{_TOKEN}"]\n'
        'alert_private_targets = ["127.0.0.0/8"]\nlog_level = "debug"\n'
        '[[alerts]]\nname = "store"\nkind = "store_down"\nminutes = 0\n'
    )
    serve = Serve(tmp_path, "--config", str(toml), code=FASTER)
    try:
        # Somebody else holds the write lock: the store cannot be written.
        lock = sqlite3.connect(tmp_path / "calls.db", isolation_level=None, timeout=20)
        lock.execute("BEGIN IMMEDIATE")
        wait_until(lambda: bool(server.received), serve.log.read_text)
        wait_until(
            lambda: serve.log.read_text().count("alert_delivery_failed") >= 2, serve.log.read_text
        )
        lock.close()
        serve.hang_up("settings_reloaded")
        toml.write_text(toml.read_text().replace("mmost://", "nonsense://"))
        serve.hang_up("settings_refused")
    finally:
        assert serve.stop(signal.SIGTERM) == 0
    assert "store cannot be written" in json.dumps(server.received[0].body)
    log = serve.log.read_text()
    assert "hush" not in log
    assert "alert_services: a URL that begins with nonsense://" in log
