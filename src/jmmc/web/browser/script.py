"""The browser scripts as served: with the settings filled in, compressed when one is asked for.

Their source is in `client/`; `./run minify` bundles and minifies it.
"""

import hashlib
import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal, get_args

import brotli
import zopfli.gzip
from msgspec import Struct

from jmmc.core.version import __version__
from jmmc.settings import Settings

PLACEHOLDER = "JMMC_SETTINGS"
SCRIPTS = Path(__file__).parents[2] / "client"

ScriptName = Literal["getClient", "getApp", "getEmbedder", "getReport", "getQuestion"]
SCRIPT_NAMES: tuple[ScriptName, ...] = get_args(ScriptName)
"""The scripts for Jitsi Meet pages, for its mobile apps, and for pages that embed Jitsi Meet. The
first loads the others: what reads the peer connection of a call, and the question how the call was.
"""

Bundle = ScriptName | Literal["getClientPeople", "getReportPeople", "getEmbedderPeople"]
BUNDLES: tuple[Bundle, ...] = (
    *SCRIPT_NAMES,
    *("getClientPeople", "getReportPeople", "getEmbedderPeople"),
)
"""The scripts as built: three of them are built without and with the part about people."""

# JSON allows these, but inside a script element they can end the script or a string.
_ESCAPED = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


class Variant(Struct, frozen=True):
    """A script in one content encoding; `etag` is quoted, as in the header."""

    encoding: str
    body: bytes
    etag: str


class Script:
    """One script with its settings, in every content encoding that browsers accept."""

    def __init__(self, settings: Settings, name: ScriptName = "getClient") -> None:
        plain = render(settings, name).encode()
        self._digest = hashlib.sha256(plain).hexdigest()[:16]
        self.plain = Variant("identity", plain, f'"{self._digest}"')

    @cached_property
    def gzip(self) -> Variant:
        """With gzip: takes 20 ms at the first look."""
        return Variant("gzip", zopfli.gzip.compress(self.plain.body), f'"{self._digest}-gz"')

    @cached_property
    def brotli(self) -> Variant:
        """With Brotli: takes 10 ms at the first look."""
        return Variant("br", brotli.compress(self.plain.body), f'"{self._digest}-br"')

    def for_accept_encoding(self, header: str) -> Variant:
        """The smallest variant that this Accept-Encoding header accepts."""
        encodings = _accepted_encodings(header)
        if "br" in encodings:
            return self.brotli
        return self.gzip if "gzip" in encodings else self.plain


@lru_cache(maxsize=256)  # Browsers send few different ones.
def _accepted_encodings(header: str) -> frozenset[str]:
    """The encodings in an Accept-Encoding header whose weight is not 0."""
    encodings = set()
    for part in header.lower().split(","):
        coding, *parameters = (token.strip() for token in part.split(";"))
        if not any(parameter.replace(" ", "").rstrip("0.") == "q=" for parameter in parameters):
            encodings.add(coding)
    return frozenset(encodings)


def render(settings: Settings, name: ScriptName = "getClient") -> str:
    """The text of a script with the settings of the browser filled in."""
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
    bundle: Bundle = name
    if name in ("getClient", "getEmbedder") and _asks_about_people(settings):
        bundle = "getClientPeople" if name == "getClient" else "getEmbedderPeople"
        values |= {
            "identify": settings.identify,
            "collect_devices": settings.collect_devices,
            "support_code": settings.support_code,
            "ask_rating": settings.ask_rating,
        }
    if name == "getApp":
        if settings.identify == "jwt":
            values["identify"] = "jwt"
        if settings.support_code != "off":
            values["support_code"] = settings.support_code
    if name == "getReport" and (settings.collect_devices or settings.support_code == "notice"):
        bundle = "getReportPeople"
    if settings.collect_recorders:
        values["collect_recorders"] = True
    literal = json.dumps(values)
    for character, escape in _ESCAPED.items():
        literal = literal.replace(character, escape)
    source = (SCRIPTS / f"{bundle}.min.js").read_text("utf-8").strip()
    return source.replace(PLACEHOLDER, literal, 1)


def _asks_about_people(settings: Settings) -> bool:
    return (
        settings.identify != "none"
        or settings.collect_devices
        or settings.support_code != "off"
        or settings.ask_rating > 0
    )
