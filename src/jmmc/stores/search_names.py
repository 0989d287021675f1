"""What a session can be found by."""

from collections.abc import Iterator
from urllib.parse import unquote

from jmmc.quality.summary import Summary

NAMED = {"conference": "conf", "participant": "uid", "address": "address", "provider": "provider"}
"""Of what field of a summary a kind of name is."""


def names_of(summary: Summary) -> Iterator[tuple[str, str]]:
    """Kind and name in lower case, as people would type it."""
    yield "conference", unquote(summary.conf).lower()
    yield "participant", summary.uid.lower()
    if summary.address:
        yield "address", summary.address.lower()
    if summary.provider:
        yield "provider", summary.provider.lower()
