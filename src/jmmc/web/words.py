"""The words of the pages, in English and in French."""

import tomllib
from functools import cache
from importlib.resources import files

LANGUAGES = ("en", "fr")


@cache
def words(language: str) -> dict[str, str]:
    """What each text is in a language; in English, only those whose key is not said so."""
    text = files("jmmc.web").joinpath("locale", f"{language}.toml").read_text("utf-8")
    return dict(tomllib.loads(text))


def chosen(asked: str | None, accepted: str) -> str:
    """The language of a reader: the one asked for, else the first of Accept-Language we have."""
    if asked in LANGUAGES:
        return asked
    for part in accepted.split(","):
        code = part.partition(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return "en"
