"""Where notifications may go: public addresses, private ones by choice, through proxies."""

import base64
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jmmc.alerting import posting
from jmmc.alerting.channels import Webhook, channels_of
from jmmc.alerting.destinations import Destinations, ForbiddenAddress
from jmmc.alerting.notifications import Notification
from jmmc.alerting.posting import NotDelivered
from jmmc.core.errors import SettingsError
from jmmc.core.outgoing import proxy_for
from jmmc.settings import Settings
from tests.support import chats
from tests.support.chats import ChatServer, TunnelProxy
from tests.support.commands import jmmc
from tests.support.servers import Serve

# Of Apprise's own imports.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

_NOTIFICATION = Notification("1", "firing", "a", "store_down", "", "", 0, 0, "down", {}, "", "x")


@pytest.fixture(autouse=True)
def retries_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "_RETRIES", posting._RETRIES.new(backoff_factor=0))


@pytest.fixture
def server() -> Iterator[ChatServer]:
    server = ChatServer(lambda _: (204, ""))
    yield server
    server.close()


def _send(url: str, private: str = "", *, service: bool = False) -> str:
    name = "alert_services" if service else "alert_webhooks"
    settings = Settings.of(**{name: url, "alert_private_targets": private})
    (channel,) = channels_of(settings)
    return channel.send(_NOTIFICATION, 0)


_REFUSED = {
    "loopback": "127.0.0.1",
    "loopback, another": "127.8.9.10",
    "a name for loopback": "localhost",
    "loopback as a number": "2130706433",
    "loopback, short": "127.1",
    "loopback, IPv6": "[::1]",
    "loopback in IPv6": "[::ffff:127.0.0.1]",
    "loopback, NAT64": "[64:ff9b::7f00:1]",
    "loopback, 6to4": "[2002:7f00:1::]",
    "unspecified": "0.0.0.0",
    "metadata of clouds": "169.254.169.254",
    "private": "10.1.2.3",
    "private, 172": "172.16.0.1",
    "private, 192": "192.168.1.1",
    "carrier's": "100.64.0.1",
    "link-local, IPv6": "[fe80::1]",
    "unique local": "[fd00::1]",
    "multicast": "224.0.0.1",
}


@pytest.mark.parametrize("host", _REFUSED.values(), ids=_REFUSED)
@pytest.mark.parametrize("service", [False, True], ids=["webhook", "service"])
def test_private_addresses_are_refused_with_what_to_do(
    host: str, service: bool, server: ChatServer
) -> None:
    url = f"http://{host}:{server.port}/api/v2/alerts" if service else f"http://{host}/hook"
    with pytest.raises(NotDelivered, match="address; to allow it, add it to alert_private_targets"):
        _send(url, service=service)
    assert server.received == []


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Its rsyslog leaves a socket open.
def test_apprise_is_held_to_the_same_addresses(server: ChatServer) -> None:
    """The library makes its own connections, also in threads of its own."""
    for form in (
        "mmost://{}/hushhush",
        "ntfy://{}/hushhush",
        "json://{}/x",
        "http://{}/hooks/abcd",
    ):
        for place in (f"127.0.0.1:{server.port}", f"localhost:{server.port}"):
            with pytest.raises(NotDelivered, match=r"is a loopback address; to allow it, add it"):
                _send(form.format(place), service=True)
    for url in ("syslog://", "rsyslog://127.0.0.1", "mailto://a:b@127.0.0.1/?to=a@example.org"):
        with pytest.raises((NotDelivered, SettingsError)):
            _send(url, service=True)
    assert server.received == []


@pytest.mark.parametrize(
    ("private", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.0.0.0/8", True),
        ("10.0.0.0/8,127.0.0.1/32", True),
        ("10.0.0.0/8", False),
        ("::1", False),
    ],
)
def test_private_addresses_are_allowed_by_choice(
    server: ChatServer, private: str, allowed: bool
) -> None:
    url = f"http://127.0.0.1:{server.port}/hook"
    if allowed:
        assert _send(url, private) == "answers 204"
    else:
        with pytest.raises(NotDelivered, match=r"127\.0\.0\.1 is a loopback address"):
            _send(url, private)
    assert len(server.received) == allowed


def test_a_target_that_will_be_refused_is_named_at_the_start_and_by_check(tmp_path: Path) -> None:
    """Or nobody would learn of it before the first alert."""
    options = ["--alert-webhooks", "http://127.0.0.1:9/hushhush,https://hooks.example.org/hushhush"]
    done = jmmc("check", *options, "--store", "sqlite:///calls.db", folder=tmp_path)
    assert "FAIL alerts: http://127.0.0.1:9 will be refused" in done.stdout
    assert done.returncode == 1
    serve = Serve(tmp_path, *options)
    try:
        (line,) = (
            line for line in serve.log.read_text().splitlines() if "alert_target_refused" in line
        )
    finally:
        assert serve.stop() == 0
    assert "target=http://127.0.0.1:9" in line
    assert "127.0.0.1 is a loopback address; to allow it, add it to alert_private_targets" in line
    assert "hushhush" not in serve.log.read_text() + done.stdout


def test_a_chat_in_alert_webhooks_fails_with_where_its_url_belongs() -> None:
    chat = ChatServer(chats.mattermost)
    try:
        with pytest.raises(NotDelivered, match=r"400; a chat expects .* to alert_services"):
            _send(f"{chat.url}/hooks/abcdefgh", "127.0.0.1")
        assert _send(f"{chat.url}/hooks/abcdefgh", "127.0.0.1", service=True) == "accepted"
    finally:
        chat.close()


def test_the_rule_holds_for_the_thread_that_sends_and_for_no_other(server: ChatServer) -> None:
    address = ("127.0.0.1", server.port)
    elsewhere: list[bool] = []

    def connect() -> None:
        with socket.create_connection(address, timeout=5):
            elsewhere.append(True)

    with Destinations(()).guard() as guard:
        with pytest.raises(ForbiddenAddress):
            socket.create_connection(address, timeout=5)
        thread = threading.Thread(target=connect)
        thread.start()
        thread.join()
    assert elsewhere == [True]
    assert len(guard.refusals) == 1
    socket.create_connection(address, timeout=5).close()


def test_user_and_password_of_a_url_are_sent_as_basic_authentication(server: ChatServer) -> None:
    url = f"http://ann:p%40ss%3Aw@127.0.0.1:{server.port}/hook?token=x"
    assert _send(url, "127.0.0.1") == "answers 204"
    (received,) = server.received
    assert received.headers["authorization"] == f"Basic {base64.b64encode(b'ann:p@ss:w').decode()}"
    assert received.host == f"127.0.0.1:{server.port}"
    assert received.path == "/hook?token=x"
    (channel,) = channels_of(Settings.of(alert_webhooks=url))
    assert isinstance(channel, Webhook)
    assert channel.label == f"http://127.0.0.1:{server.port}"


def test_webhooks_go_through_the_proxy_of_the_environment_unless_no_proxy_has_the_host(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = base64.b64encode(b"me:se cret").decode()
    proxy = TunnelProxy(
        {"hooks.example.org": server.port}, authorization=f"Proxy-Authorization: Basic {expected}"
    )
    try:
        place = proxy.url.removeprefix("http://")
        monkeypatch.setenv("HTTP_PROXY", f"http://me:se%20cret@{place}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
        assert _send("http://hooks.example.org/hook") == "answers 204"
        assert proxy.requests == ["POST http://hooks.example.org/hook HTTP/1.1"]
        assert _send(f"http://127.0.0.1:{server.port}/hook", "127.0.0.1") == "answers 204"
        assert len(proxy.requests) == 1
        # The proxy would connect to them for us.
        for host in ("127.0.0.2", "10.0.0.1", "169.254.169.254", "localhost"):
            monkeypatch.setenv("NO_PROXY", "")
            with pytest.raises(NotDelivered, match="to allow it, add it to alert_private_targets"):
                _send(f"http://{host}/hook")
        assert len(proxy.requests) == 1
        with pytest.raises(NotDelivered, match="answers 403"):
            _send("http://other.example.org/hook")
        monkeypatch.setenv("HTTP_PROXY", "socks9://x")
        with pytest.raises(NotDelivered, match="through the proxy"):
            _send("http://hooks.example.org/hook")
    finally:
        proxy.close()


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        ("http://a.org/", {}, None),
        ("http://a.org/", {"http_proxy": "http://p:1"}, "http://p:1"),
        ("http://a.org/", {"HTTP_PROXY": "p:1"}, "http://p:1"),
        ("https://a.org/", {"HTTP_PROXY": "http://p:1"}, None),
        ("https://a.org/", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.org/", {"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.org/", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ("https://a.org/", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "b.org, a.org"}, None),
        ("https://x.a.org/", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.org"}, None),
        ("https://x.a.org/", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".a.org"}, None),
        ("https://x.a.org/", {"HTTPS_PROXY": "http://p:1", "no_proxy": "*.A.org"}, None),
        ("https://xa.org/", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.org"}, "http://p:1"),
        ("https://a.org:8443/", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.org:8443"}, None),
        ("https://a.org/", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.org:1"}, "http://p:1"),
        ("https://10.1.2.3/", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, None),
        ("https://[fd00::1]/", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "fd00::/8"}, None),
        ("https://[::1]:9/", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "[::1]:9"}, None),
        ("https://[::1]/", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "::1"}, None),
    ],
)
def test_the_proxy_of_a_url_is_the_one_that_curl_would_take(
    url: str, environ: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    assert proxy_for(url) == expected
