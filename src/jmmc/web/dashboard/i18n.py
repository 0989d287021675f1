"""Texts of the pages in English and French; the command line uses the English ones."""

import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from jmmc.core.text import with_french_spaces
from jmmc.quality.ways import Upload, Way
from jmmc.web.dashboard.durations import duration

LANGUAGES = ("en", "fr")


@cache
def words(language: str) -> dict[str, str]:
    """Return the texts of a language by key. In English, a key without an entry is the text."""
    text = files("jmmc.web.dashboard").joinpath("locale", f"{language}.toml").read_text("utf-8")
    texts = tomllib.loads(text)
    if language == "fr":
        return {key: with_french_spaces(value) for key, value in texts.items()}
    return texts


def way_sentence(way: Way, translate: Callable[[str], str], percent: Callable[[float], str]) -> str:
    """Return what happened on one way, such as `Ben → Anna lost 9 % of the audio for 3 min`."""
    ends = f"{way.sender.who} → {way.receiver.who}"
    if way.state != "bad":
        return translate(f"way {way.state}").format(way=ends)
    what = f" {translate('and')} ".join(
        translate(f"way {name}").format(share=percent(value / 100)) for name, value in way.worst[:2]
    )
    return translate("way bad").format(way=ends, what=what, duration=duration(way.seconds))


def upload_sentence(upload: Upload, translate: Callable[[str], str]) -> str:
    """Return at how many others the media of somebody arrived badly, and what is likely."""
    kinds = {_MEDIA[name] for name in upload.kinds}
    media = f" {translate('and')} ".join(translate(f"media {kind}") for kind in sorted(kinds))
    key = "upload likely" if upload.likely else "upload unclear"
    return translate(key).format(
        who=upload.sender.who, media=media, bad=upload.bad, receivers=upload.receivers
    )


_MEDIA = {"audio_lost": "audio", "concealed": "audio", "video_lost": "video", "frozen": "video"}


def choose_language(preferred: str | None, accept_language: str) -> str:
    """Return `preferred` if there is such a language, else the first match of Accept-Language."""
    if preferred in LANGUAGES:
        return preferred
    for part in accept_language.split(","):
        code = part.partition(";")[0].strip().lower()[:2]
        if code in LANGUAGES:
            return code
    return "en"
