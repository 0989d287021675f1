"""`jmmc doctor` on https pages: certificates, and mixed content."""

import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from jmmc.cli import main
from jmmc.jitsi.doctor import examine
from jmmc.settings import Settings
from jmmc.web.browser.script import render
from tests.jitsi.test_doctor import Site, _page

_CA = """
[ca]
default_ca = ca_default
[ca_default]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


def _certificate(folder: Path, host: str, start: str, end: str) -> tuple[Path, Path]:
    """Make a self-signed certificate and its key; the times are YYYYMMDD."""
    folder.mkdir()
    (folder / "ca.cnf").write_text(_CA)
    (folder / "index.txt").touch()
    request = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    request += ["-nodes", "-subj", f"/CN={host}", "-addext", f"subjectAltName=IP:{host}"]
    sign = ["openssl", "ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", "key.pem"]
    sign += ["-startdate", f"{start}000000Z", "-enddate", f"{end}000000Z", "-notext"]
    for command in (
        [*request, "-keyout", "key.pem", "-out", "request.pem"],
        [*sign, "-in", "request.pem", "-out", "chain.pem"],
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return folder / "chain.pem", folder / "key.pem"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("certificates")
    return {
        "good": _certificate(folder / "good", "127.0.0.1", "20200101", "20490101"),
        "expired": _certificate(folder / "expired", "127.0.0.1", "20200101", "20210101"),
        "another's": _certificate(folder / "another", "192.0.2.1", "20200101", "20490101"),
    }


Secure = Callable[..., Site]


@pytest.fixture
def secure(
    certificates: dict[str, tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Secure]:
    """Make a site with a certificate, trusted unless `trusted` is false."""
    made: list[Site] = []

    def make(name: str = "good", *, trusted: bool = True) -> Site:
        chain, key = certificates[name]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(chain))
        made.append(Site(context))
        return made[-1]

    yield make
    for site in made:
        site.close()


def test_an_https_page_with_a_valid_certificate_passes(secure: Secure) -> None:
    site = secure()
    site.put("/room", _page('<script src="/jmmc/getClient"></script>'), Content_Type="text/html")
    site.put("/jmmc/getClient", render(Settings.of()), Content_Type="text/javascript")
    findings = list(examine(f"{site.url}/room"))
    assert findings[0].what == f"page: {site.url}/room is Jitsi Meet, with 2 scripts"
    assert {finding.verdict for finding in findings} == {"ok"}


@pytest.mark.parametrize(
    ("name", "trusted", "why"),
    [
        ("good", False, "certificate verify failed: self-signed certificate"),
        ("expired", True, "certificate verify failed: certificate has expired"),
        ("another's", True, "certificate verify failed: IP address mismatch"),
    ],
)
def test_an_invalid_certificate_is_one_finding_that_names_the_cause(
    secure: Secure, name: str, trusted: bool, why: str
) -> None:
    site = secure(name, trusted=trusted)
    done = CliRunner().invoke(main, ["doctor", f"{site.url}/room"])
    assert done.exit_code == 1
    what, hint = done.stdout.splitlines()
    assert what.startswith(f"FAIL page: {site.url}/room: ")
    assert why in what
    assert "can reach it" in hint


def test_an_https_page_loads_no_http_script_and_pushes_to_no_http_url(secure: Secure) -> None:
    site = secure()
    insecure = "http://metrics.example.org"
    site.put(
        "/http-script",
        _page(f'<script src="{insecure}/getClient"></script>'),
        Content_Type="text/html",
    )
    last = [*examine(f"{site.url}/http-script")][-1]
    assert last.verdict == "fail"
    assert last.what == "mixed content: an https page may not load an http script"

    site.put(
        "/http-push", _page('<script src="/jmmc/getClient"></script>'), Content_Type="text/html"
    )
    script = render(Settings.of(push_url=f"{insecure}/push"))
    site.put("/jmmc/getClient", script, Content_Type="text/javascript")
    last = [*examine(f"{site.url}/http-push")][-1]
    assert last.verdict == "fail"
    assert last.what == f"mixed content: an https page may not push to {insecure}/push"
