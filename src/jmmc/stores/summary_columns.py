"""The fields of a summary that stores keep as columns, and their stored names."""

import msgspec

from jmmc.quality.filters import DIMENSIONS
from jmmc.quality.summary import Summary

JSON_COLUMNS = ("lane", "segments")
"""Fields of a summary that can be read alone as JSON: its `grade_spans` and its `segments`."""

_ENCODE = msgspec.json.Encoder().encode
_STORED = {field.name: field.encode_name for field in msgspec.structs.fields(Summary)}

SUMMARY_COLUMNS = (
    *("session", "room", "browser_id", "began", "ended", "last", "running", "grade"),
    *("good", "fair", "poor", "unknown"),
    *DIMENSIONS,
    *("outcome", "failure", "setup_ms", "setup_steps", "rating", "name_key", "code"),
    "devices_key",
    "jitsi_meeting_id",
)
"""Fields of a summary that can be read alone (`Reports.facts`) or filtered by."""


OPTIONAL_COLUMNS = ("setup_ms", "rating")
"""Those that are None where they are not known; of others that is \"\"."""


def json_columns(summary: Summary) -> tuple[str, str]:
    """The values of `JSON_COLUMNS`."""
    spans, segments = summary.grade_spans, summary.segments
    return _ENCODE(spans).decode(), _ENCODE(segments).decode() if segments else "[]"


def column(field: str) -> str:
    """The stored name of a field of a summary."""
    return _STORED.get(field, field)
