"""The help page: the limits in force, in both languages, and the links that lead to it."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from jmmc.quality.thresholds import PRESETS
from jmmc.stores import open_store
from jmmc.web.dashboard.help import SECTIONS, limit_rows
from jmmc.web.dashboard.i18n import words
from tests.support.site import Site


def test_limits_are_written_with_their_direction_and_unit() -> None:
    rows = {row.reason: row for row in limit_rows(PRESETS["experience"])}
    assert (rows["loss"].fair, rows["loss"].poor) == ("> 5 %", "> 10 %")
    assert (rows["mos"].fair, rows["mos"].poor) == ("< 3.6", "< 3.1")
    assert (rows["quality"].fair, rows["quality"].poor) == ("< 30", None)
    assert rows["quality"].needs_sign
    assert "jitter" not in rows, "it has no limit in this preset"
    assert {row.reason: row.poor for row in limit_rows(PRESETS["teams"])}["rtt"] == "> 500 ms"


@pytest.mark.parametrize(("language", "word"), [("en", "joined"), ("fr", "Ce serveur note")])
async def test_the_page_explains_everything_in_both_languages(
    tmp_path: Path, language: str, word: str
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/a.db")
    site = Site(store, quality_preset="pexip")
    page = await site.page(f"/help?lang={language}")
    assert re.findall(r'<section class="panel" id="(\w+)"', page) == list(SECTIONS)
    assert word in page
    assert "<code>pexip</code>" in page
    assert "&gt; 40 ms" in page
    assert ("perceived call quality" in page) == (language == "en")
    assert "{value}" not in page
    await site.close()


def test_links_lead_to_parts_of_the_page_that_there_are() -> None:
    templates = files("jmmc.web.dashboard").joinpath("templates")
    linked = {
        section
        for template in templates.iterdir()
        for section in re.findall(r'help_link\("(\w+)"', template.read_text("utf-8"))
    }
    assert {"grades", "causes", "intervals", "outcomes", "unknown"} <= linked <= {*SECTIONS}
    for language in ("en", "fr"):
        assert {f"help {section}" for section in SECTIONS} <= words(language).keys()
