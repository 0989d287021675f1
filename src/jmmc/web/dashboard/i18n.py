"""The words of the pages, in English and in French; the terminal takes the English ones."""

import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from urllib.parse import unquote

from jmmc.quality.attribution import Attribution

LANGUAGES = ("en", "fr")


@cache
def words(language: str) -> dict[str, str]:
    """What each text is in a language; in English, only those whose key is not said so."""
    text = files("jmmc.web.dashboard").joinpath("locale", f"{language}.toml").read_text("utf-8")
    return dict(tomllib.loads(text))


def cause_sentence(attribution: Attribution, say: Callable[[str], str]) -> str:
    """The likely cause of a bad spell, as a sentence with its numbers."""
    scope = attribution.scope
    return say(f"cause {attribution.cause}").format(
        bad=scope.bad - 1,
        others=scope.known - 1,
        value=unquote(scope.value),
        elsewhere_bad=scope.others_bad,
        elsewhere=scope.others_known,
    )


def chosen(asked: str | None, accepted: str) -> str:
    """The language of a reader: the one asked for, else the first of Accept-Language we have."""
    if asked in LANGUAGES:
        return asked
    for part in accepted.split(","):
        code = part.partition(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return "en"
