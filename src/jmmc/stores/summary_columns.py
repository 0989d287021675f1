"""The fields of a summary that stores keep as columns, and their stored names."""

import msgspec

from jmmc.quality.filters import DIMENSIONS
from jmmc.quality.summary import Summary

_STORED = {field.name: field.encode_name for field in msgspec.structs.fields(Summary)}

SUMMARY_COLUMNS = (
    *("session", "room", "browser_id", "began", "ended", "last", "running", "grade"),
    *("good", "fair", "poor", "unknown"),
    *DIMENSIONS,
)
"""Fields of a summary that can be read alone (`Reports.facts`) or filtered by."""


def column(field: str) -> str:
    """The stored name of a field of a summary."""
    return _STORED.get(field, field)
