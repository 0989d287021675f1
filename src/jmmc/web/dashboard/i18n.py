"""Texts of the pages in English and French; the command line uses the English ones."""

import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from urllib.parse import unquote

from jmmc.quality.attribution import Attribution

LANGUAGES = ("en", "fr")


@cache
def words(language: str) -> dict[str, str]:
    """Return the texts of a language by key. In English, a key without an entry is the text."""
    text = files("jmmc.web.dashboard").joinpath("locale", f"{language}.toml").read_text("utf-8")
    return dict(tomllib.loads(text))


def cause_sentence(attribution: Attribution, translate: Callable[[str], str]) -> str:
    """Return the likely cause of a problem as a sentence with its numbers."""
    scope = attribution.scope
    return translate(f"cause {attribution.cause}").format(
        bad=scope.bad - 1,
        others=scope.known - 1,
        value=unquote(scope.value),
        elsewhere_bad=scope.others_bad,
        elsewhere=scope.others_known,
    )


def choose_language(preferred: str | None, accept_language: str) -> str:
    """Return `preferred` if there is such a language, else the first match of Accept-Language."""
    if preferred in LANGUAGES:
        return preferred
    for part in accept_language.split(","):
        code = part.partition(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return "en"
