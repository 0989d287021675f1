"""Sphinx configuration of the documentation site (`./run docs`)."""

import re
from pathlib import Path

from sphinx.application import Sphinx

from jmmc.core.version import __version__

project = "jmmc"
version = release = __version__
copyright = "the authors of jitsi-meet-metrics-collector, EUPL-1.2"  # noqa: A001 - Sphinx's name
extensions = ["myst_parser"]
exclude_patterns = ["images"]
myst_heading_anchors = 3
nitpicky = True
html_theme = "furo"
html_title = "jmmc"
html_copy_source = False
html_show_sphinx = False
html_search_scorer = str(Path(__file__).with_name("scorer.js"))
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5fa5", "color-brand-content": "#0b5fa5"},
    "dark_css_variables": {"color-brand-primary": "#7cc0ff", "color-brand-content": "#7cc0ff"},
}
linkcheck_timeout = 15
linkcheck_ignore = [r"https?://(127\.0\.0\.1|localhost)", r"https://[a-z.]*example\.(org|com)"]


def setup(app: Sphinx) -> None:
    """Replace links to repository files that are not on the site with the names of the files."""
    app.connect("source-read", _without_outside_links)


def _without_outside_links(_app: Sphinx, _page: str, source: list[str]) -> None:
    text = source[0].replace("](../../CHANGELOG.md", "](../reference/changelog.md")
    source[0] = re.sub(r"\[([^]]+)\]\(\.\./\.\./([^)]+)\)", r"\1 (`\2` in the repository)", text)
