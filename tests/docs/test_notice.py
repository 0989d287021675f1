"""The privacy notices for participants agree with what the product does, in both languages."""

import re
from ipaddress import ip_address

import pytest

from jmmc.protocol.addresses import stored_form, truncated
from jmmc.settings import Settings
from jmmc.settings.new_file import NewFile
from jmmc.settings.privacy import PrivacySettings
from tests.support.paths import ROOT

_PAGES = {
    language: (ROOT / "docs/how-to" / name).read_text("utf-8")
    for language, name in (("en", "tell-your-users.md"), ("fr", "tell-your-users.fr.md"))
}
_ABOUT_PEOPLE = {
    *PrivacySettings.model_fields,
    "ask_rating",
    "push_interval",
    "retention_days",
    "sample_ratio",
    "summary_retention_days",
    "support_code",
}
_EMPTY = {"en": "empty", "fr": "vide"}
_INTERVAL = {"en": "every {} seconds", "fr": "toutes les {} secondes"}

pytestmark = pytest.mark.parametrize("language", _PAGES)


def _notice(language: str) -> str:
    quoted = [line[1:].strip() for line in _PAGES[language].splitlines() if line.startswith(">")]
    return " ".join(" ".join(quoted).split())


def test_every_setting_that_changes_the_notice_is_listed_with_its_default(language: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", _PAGES[language], re.MULTILINE)
    defaults = {name: Settings.model_fields[name].default for name in _ABOUT_PEOPLE}
    shown = {
        name: f"`{str(value).lower()}`" if value != "" else _EMPTY[language]
        for name, value in defaults.items()
    }
    assert dict(rows) == shown


def test_the_notice_names_the_retention_of_a_new_configuration(language: str) -> None:
    new = NewFile()
    (summaries,) = re.findall(r"^# summary_retention_days = (\d+)$", new.text(), re.MULTILINE)
    assert f"`retention_days = {new.retention_days}`" in _PAGES[language]
    assert re.findall(r"\[(\d+)\]", _notice(language)) == [str(new.retention_days), summaries]


def test_the_notice_shows_an_address_as_it_is_stored(language: str) -> None:
    shortened, whole = re.findall(r"`(\d+\.\d+\.\d+\.\d+)`", _notice(language))
    stored = truncated(stored_form(ip_address(whole)))
    assert isinstance(stored, int)
    assert str(ip_address(stored)) == shortened
    assert "48" in _notice(language)
    assert truncated("2001:db8:1:2::3") == "2001:db8:1::"


def test_the_notice_names_the_interval_and_the_key_in_the_browsers_storage(language: str) -> None:
    interval = Settings.model_fields["push_interval"].default
    assert _INTERVAL[language].format(interval) in _notice(language)
    script = (ROOT / "src/jmmc/client/getClient.min.js").read_text("utf-8")
    (key,) = set(re.findall(r"`(jmmc_\w+)`", _notice(language)))
    assert f'"{key}"' in script


def test_both_languages_have_the_same_steps_rows_and_places_to_fill_in(language: str) -> None:
    page, other = _PAGES[language], _PAGES["en"]
    for pattern in (r"^\d\. ", r"^## ", r"^\| `", r"^> \*[^*]", r"\[https?:"):
        found = len(re.findall(pattern, page, re.MULTILINE))
        assert found == len(re.findall(pattern, other, re.MULTILINE)) > 0, pattern
