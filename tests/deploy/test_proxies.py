"""nginx, Caddy and HAProxy in front of a collector, with the shipped configurations."""

import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from tests.support.builders import body, wire_sample
from tests.support.commands import jmmc
from tests.support.paths import ROOT
from tests.support.servers import PREFIX, QUICK_PASSWORDS, Serve, free_port
from tests.support.waiting import wait_until

DEPLOY = ROOT / "deploy"
_LIMIT = 40  # Pushes per minute and address.
_OUTER_PROXY = "127.0.6.1"  # A trusted proxy before the one that is tested.

_NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    include {folder}/jmmc.conf;
}}
"""


class Certificate(NamedTuple):
    """A self-signed certificate for localhost."""

    chain: Path
    key: Path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    made = Certificate(folder / "chain.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command += ["-keyout", str(made.key), "-out", str(made.chain)]
    subprocess.run(command, check=True, capture_output=True)
    return made


class Proxied:
    """A collector behind a proxy."""

    def __init__(self, kind: str, folder: Path, certificate: Certificate) -> None:
        self.kind = kind
        options = ("--max-pushes-per-minute", str(_LIMIT), "--ip", "full")
        trusted = ("--trusted-proxies", f"127.0.0.1/32,{_OUTER_PROXY}/32")
        self.serve = Serve(folder, *options, *trusted, code=QUICK_PASSWORDS)
        self.port, self.plain = free_port(), free_port()
        self._tls = ssl.create_default_context(cafile=str(certificate.chain))
        self.log = folder / "proxy.log"
        start = {"nginx": self._nginx, "caddy": self._caddy, "haproxy": self._haproxy}[kind]
        with self.log.open("wb") as log:
            command = start(folder, certificate)
            environ = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        wait_until(self._is_ready, self.log.read_text)

    def _nginx(self, folder: Path, certificate: Certificate) -> list[str]:
        text = _replaced(
            (DEPLOY / "nginx" / "jmmc.conf").read_text(),
            {
                "    listen [::]:80;\n": "",
                "    listen [::]:443 ssl http2;\n": "",
                "listen 80;": f"listen 127.0.0.1:{self.plain};",
                "listen 443 ssl http2;": f"listen 127.0.0.1:{self.port} ssl http2;",
                "127.0.0.1:8080": f"127.0.0.1:{self.serve.port}",
                "/etc/letsencrypt/live/metrics.example.org/fullchain.pem": str(certificate.chain),
                "/etc/letsencrypt/live/metrics.example.org/privkey.pem": str(certificate.key),
            },
        )
        (folder / "jmmc.conf").write_text(text)
        user = "user root;" if os.geteuid() == 0 else ""  # Only root may read the test's folders.
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, user=user))
        return [_command("nginx"), "-c", str(folder / "nginx.conf")]

    def _caddy(self, folder: Path, certificate: Certificate) -> list[str]:
        site = f"https://localhost:{self.port} {{\n\ttls {certificate.chain} {certificate.key}\n"
        text = _replaced(
            (DEPLOY / "caddy" / "Caddyfile").read_text(),
            {
                "metrics.example.org {\n": site,
                "127.0.0.1:8080": f"127.0.0.1:{self.serve.port}",
            },
        )
        options = f"{{\n\tadmin off\n\thttp_port {self.plain}\n}}\n"
        (folder / "Caddyfile").write_text(options + text)
        return [_command("caddy"), "run", "--config", str(folder / "Caddyfile")]

    def _haproxy(self, folder: Path, certificate: Certificate) -> list[str]:
        both = folder / "both.pem"
        both.write_text(certificate.chain.read_text() + certificate.key.read_text())
        text = _replaced(
            (DEPLOY / "haproxy" / "haproxy.cfg").read_text(),
            {
                "bind :80\n": f"bind 127.0.0.1:{self.plain}\n",
                "bind :443 ": f"bind 127.0.0.1:{self.port} ",
                "/etc/haproxy/metrics.example.org.pem": str(both),
                "127.0.0.1:8080": f"127.0.0.1:{self.serve.port}",
                "maxconn 20000": "maxconn 200",
            },
        )
        if os.geteuid() != 0:  # Only root may become another user.
            text = re.sub(r"^ +(user|group|chroot) .*\n", "", text, flags=re.MULTILINE)
        (folder / "haproxy.cfg").write_text(text)
        return [_command("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.request("GET", f"{PREFIX}/readyz")[0] == 200
        except OSError:
            return False

    def connect(self, source: str = "127.0.0.1") -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            "localhost", self.port, context=self._tls, timeout=20, source_address=(source, 0)
        )

    def request(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        source: str = "127.0.0.1",
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request from a loopback address; status, headers and body of the response."""
        connection = self.connect(source)
        try:
            connection.request(method, path, content, headers or {})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def push(
        self, number: int, source: str, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        content = body(wire_sample(0, {"cq": 50}), sid=f"{number:032x}", conf=f"room{number}")
        return self.request("POST", f"{PREFIX}/push", json.dumps(content).encode(), headers, source)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.serve.close()


def _command(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found is not None, f"install Debian's {name}, or call ./run test"
    return found


def _replaced(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, f"{old} is not in the shipped file"
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module", params=["nginx", "caddy", "haproxy"])
def proxied(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    certificate: Certificate,
) -> Iterator[Proxied]:
    proxied = Proxied(request.param, tmp_path_factory.mktemp(request.param), certificate)
    yield proxied
    proxied.close()


def test_the_proxy_passes_the_compressed_script_through(proxied: Proxied) -> None:
    status, headers, script = proxied.request(
        "GET", f"{PREFIX}/getClient", headers={"Accept-Encoding": "br"}
    )
    assert (status, headers["content-encoding"]) == (200, "br")
    assert len(script) < 7000
    assert headers["strict-transport-security"]
    again = {"Accept-Encoding": "br", "If-None-Match": headers["etag"]}
    assert proxied.request("GET", f"{PREFIX}/getClient", headers=again)[0] == 304


def test_rate_limits_count_the_address_of_the_browser_behind_the_proxy(proxied: Proxied) -> None:
    """The address that a browser claims in X-Forwarded-For is ignored."""
    status, _, answer = proxied.push(1, "127.0.5.1")
    assert (status, json.loads(answer)["ack"]) == (200, 0)
    for number in range(2, _LIMIT + 20):
        claim = {"X-Forwarded-For": f"198.51.100.{number}"}
        status, headers, answer = proxied.push(number, "127.0.5.1", claim)
        if status != 200:
            break
    assert (status, json.loads(answer)["error"]) == (429, "throttled")
    assert int(headers["retry-after"]) > 0
    assert proxied.push(100, "127.0.5.2")[0] == 200


def test_a_wrong_password_is_tried_ten_times_a_minute_whatever_address_is_claimed(
    proxied: Proxied,
) -> None:
    _, _, page = proxied.request("GET", "/login", source="127.0.5.7")
    token = page.decode().split('name="form" value="')[1].split('"')[0]
    form = urlencode({"form": token, "name": "ann", "password": "guess", "to": "/"}).encode()
    statuses = Counter()
    for number in range(20):  # Who goes on waits five seconds for each refusal.
        claims = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Forwarded-For": f"198.51.100.{number}",
            "Forwarded": f"for=198.51.100.{number}",
        }
        statuses[proxied.request("POST", "/login", form, claims, "127.0.5.7")[0]] += 1
    assert statuses[401] + statuses[429] == 20
    assert 10 <= statuses[401] <= 12, "one more every six seconds"


def test_behind_a_second_proxy_the_address_of_the_browser_is_stored(proxied: Proxied) -> None:
    """HAProxy adds a line of its own; nginx and Caddy, as shipped, are the outermost proxy."""
    claim = {"X-Forwarded-For": "6.6.6.6, 198.51.100.77"}
    assert proxied.push(300, _OUTER_PROXY, claim)[0] == 200
    (session,) = proxied.serve.export("--room", "room300")
    expected = "198.51.100.77" if proxied.kind == "haproxy" else _OUTER_PROXY
    assert session["m"][0]["t"]["rip"] == int(ip_address(expected))


def test_an_oversized_push_gets_413_from_the_collector_and_a_huge_one_from_the_proxy(
    proxied: Proxied,
) -> None:
    path = f"{PREFIX}/push"
    status, _, answer = proxied.request("POST", path, b" " * 70_000, source="127.0.5.3")
    assert (status, json.loads(answer)["error"]) == (413, "too_large")
    for headers in ({}, {"Expect": "100-continue"}):
        assert proxied.request("POST", path, b" " * 200_000, headers, "127.0.5.3")[0] == 413


def test_proxied_requests_do_not_count_as_local(proxied: Proxied) -> None:
    """Without users, only local requests are allowed; the proxy itself runs on this machine."""
    assert proxied.request("GET", "/")[0] == 403
    assert proxied.request("GET", "/api/v1/sessions")[0] == 403
    assert proxied.request("GET", "/healthz")[0] == 404
    assert proxied.request("GET", "/metrics")[0] == 404


def test_plain_http_redirects_to_https(proxied: Proxied) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxied.plain, timeout=20)
    connection.request("GET", "/x", headers={"Host": "localhost"})
    answer = connection.getresponse()
    connection.close()
    assert answer.status in (301, 308)
    assert (answer.getheader("location") or "").startswith("https://localhost")


def _signed_in(proxied: Proxied) -> str:
    """Sign in through the proxy; the cookie of the session."""
    command = ("user", "add", "ann", "--store", proxied.serve.store)
    added = jmmc(*command, "--password", "correct horse")
    assert added.returncode == 0, added.stderr
    _, _, page = proxied.request("GET", "/login")
    token = page.decode().split('name="form" value="')[1].split('"')[0]
    form = urlencode({"form": token, "name": "ann", "password": "correct horse", "to": "/"})
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    status, headers, _ = proxied.request("POST", "/login", form.encode(), kind)
    assert status == 303
    assert "; Secure" in headers["set-cookie"]
    return headers["set-cookie"].partition(";")[0]


def test_pages_are_compressed_and_events_are_not_buffered(proxied: Proxied) -> None:
    headers_sent: dict[str, Any] = {"Cookie": _signed_in(proxied), "Accept-Encoding": "gzip"}
    status, headers, _ = proxied.request("GET", "/static/pages.css", headers=headers_sent)
    assert (status, headers.get("content-encoding")) == (200, "gzip")
    connection = proxied.connect()
    connection.request("GET", "/live", headers=headers_sent)
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.getheader("content-encoding") is None
    began = time.monotonic()
    assert answer.read1(10).startswith(b"data:")
    assert time.monotonic() - began < 10, "the proxy buffers events"
    connection.close()


def test_pushes_get_502_or_503_while_the_collector_is_down_and_work_afterwards(
    proxied: Proxied,
) -> None:
    """Runs last, because it stops the collector."""
    assert proxied.serve.stop(signal.SIGTERM) == 0
    assert proxied.push(200, "127.0.5.4")[0] in (502, 503)
    proxied.serve.start()
    assert proxied.push(200, "127.0.5.4")[0] == 200
    assert len(proxied.serve.export("--room", "room200")) == 1


def _answer_to(proxied: Proxied, head: str) -> bytes:
    """All that the proxy sends until it disconnects."""
    connection = proxied.connect()
    connection.connect()
    with connection.sock as stream:
        stream.sendall(head.encode())
        return b"".join(iter(partial(stream.recv, 65_536), b""))


def test_a_request_that_needs_no_host_is_passed_on(proxied: Proxied) -> None:
    """Of HTTP/1.0, as some monitoring sends it."""
    answer = _answer_to(proxied, f"GET {PREFIX}/readyz HTTP/1.0\r\n\r\n")
    if proxied.kind == "caddy":  # It chooses the site by the name.
        assert b"ready" not in answer
    else:
        assert answer.split()[1] == b"200"


def test_a_request_with_two_hosts_is_refused(proxied: Proxied) -> None:
    hosts = "Host: localhost\r\nHost: evil.example\r\n"
    head = f"GET {PREFIX}/readyz HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n"
    answer = _answer_to(proxied, head)
    assert answer.split()[1] == b"400"
