"""The User-Agent header: browser and operating system."""

from functools import lru_cache

from ua_parser import parse

_LONGEST = 512


def browser_and_system(header: str | None) -> tuple[str | None, str | None]:
    """Family and major version of browser and system, None for what the header does not say.

    macOS has no version: every browser there reports 10.15.
    """
    return _parsed(header[:_LONGEST]) if header else (None, None)


def load_rules() -> None:
    """Compile the rules, in some 130 ms: the first push need not wait for that."""
    _parsed("")


# Parsing takes 0.2 ms; the browsers of a country send a few thousand different headers.
@lru_cache(maxsize=4096)
def _parsed(header: str) -> tuple[str | None, str | None]:
    found = parse(header)
    browser = found.user_agent and _named(found.user_agent.family, found.user_agent.major)
    system = None
    if found.os:
        mac = found.os.family == "Mac OS X"
        system = "macOS" if mac else _named(found.os.family, found.os.major)
    return browser or None, system


def _named(family: str, major: str | None) -> str:
    return f"{family} {major}"[:64] if major else family[:64]
