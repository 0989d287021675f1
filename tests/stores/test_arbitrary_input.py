"""Documents and files of other programs, with arbitrary content."""

import json
from pathlib import Path
from typing import Any

from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from jmmc.core.errors import JmmcError
from jmmc.core.model import SessionFilter
from jmmc.quality.summarize import summarize
from jmmc.quality.summary import Summary
from jmmc.quality.thresholds import preset
from jmmc.quality.timeline import build_timeline
from jmmc.stores.mongo.documents import is_session, session_of
from jmmc.stores.ndjson import NdjsonFile
from tests.support.builders import RHYTHM, UID
from tests.support.strategies import ARBITRARY_READINGS, TIMES, VALUES, bounded

_DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "_id": st.builds(ObjectId) | st.just("0" * 24) | VALUES,
        "conf": st.text(max_size=5) | VALUES,
        "uid": st.just(UID) | VALUES,
        "v": st.just(2) | VALUES,
        "m": st.lists(
            ARBITRARY_READINGS.flatmap(
                lambda m: st.fixed_dictionaries(
                    {"ts": TIMES | VALUES}, optional={"seq": st.integers(0, 5) | VALUES}
                ).map(lambda more: {**m, **more})
            )
            | VALUES,
            max_size=3,
        )
        | VALUES,
    },
)


@bounded
@given(_DOCUMENTS)
def test_any_document_is_read_as_a_session_or_skipped(document: dict[str, Any]) -> None:
    if is_session(document):
        session = session_of([document])
        summary = summarize(session, preset=preset("jitsi"), rhythm=RHYTHM)
        assert isinstance(summary, Summary)


@bounded
@given(
    st.lists(
        _DOCUMENTS.map(lambda document: json.dumps(document, default=str).encode()) | st.binary()
    )
)
async def test_any_line_of_a_file_is_read_as_a_session_or_rejected(
    tmp_path_factory: Any, lines: list[bytes]
) -> None:
    file: Path = tmp_path_factory.getbasetemp() / "lines.ndjson"
    file.write_bytes(b"\n".join(lines))
    try:
        sessions = [session async for session in NdjsonFile(file).sessions(SessionFilter())]
    except JmmcError as error:
        assert str(file) in str(error)
        return
    for session in sessions:
        build_timeline(session, rhythm=RHYTHM)
