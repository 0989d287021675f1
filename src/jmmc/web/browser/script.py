"""The browser scripts as they are served: settings filled in, compressed once.

Their source is the parts in `client/`; `./run minify` puts them together.
"""

import hashlib
import json
from pathlib import Path
from typing import Literal, get_args

import brotli
import zopfli.gzip
from msgspec import Struct

from jmmc.core.version import __version__
from jmmc.settings import Settings

PLACEHOLDER = "JMMC_SETTINGS"
SCRIPTS = Path(__file__).parents[2] / "client"

Entrance = Literal["getClient", "getEmbedder"]
ENTRANCES: tuple[Entrance, ...] = get_args(Entrance)
"""For Jitsi Meet pages and apps; for pages that embed Jitsi Meet."""

# Inside a script element these end the script or a string, though JSON allows them.
_ESCAPED = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


class Variant(Struct, frozen=True):
    """The script in one content encoding; `etag` is quoted, as a header has it."""

    encoding: str
    body: bytes
    etag: str


class Script:
    """One script for one set of settings, in each encoding that browsers ask for."""

    def __init__(self, settings: Settings, entrance: Entrance = "getClient") -> None:
        plain = render(settings, entrance).encode()
        digest = hashlib.sha256(plain).hexdigest()[:16]
        self.plain = Variant("identity", plain, f'"{digest}"')
        self.gzip = Variant("gzip", zopfli.gzip.compress(plain), f'"{digest}-gz"')
        self.brotli = Variant("br", brotli.compress(plain), f'"{digest}-br"')

    def for_accept_encoding(self, header: str) -> Variant:
        """The smallest variant that a browser with this Accept-Encoding header takes."""
        accepted = set()
        for part in header.lower().split(","):
            coding, *parameters = (item.strip() for item in part.split(";"))
            if not any(parameter.replace(" ", "").rstrip("0.") == "q=" for parameter in parameters):
                accepted.add(coding)
        for variant in (self.brotli, self.gzip):
            if variant.encoding in accepted:
                return variant
        return self.plain


def render(settings: Settings, entrance: Entrance = "getClient") -> str:
    """A script's text with the browser's settings in it."""
    values = {
        "push_url": settings.push_url,
        "push_interval": settings.push_interval,
        "sample_interval": settings.sample_interval,
        "enabled": settings.enabled,
        "sample_ratio": settings.sample_ratio,
        "collect_ip": settings.ip != "none",
        "require_consent": settings.require_consent,
        "version": __version__,
    }
    literal = json.dumps(values)
    for character, escape in _ESCAPED.items():
        literal = literal.replace(character, escape)
    source = (SCRIPTS / f"{entrance}.min.js").read_text("utf-8").strip()
    return source.replace(PLACEHOLDER, literal, 1)
