"""Sessions from any store to any store, as an operator copies them."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from bson import Int64, ObjectId, json_util

from jmmc.core.errors import UnusableStore
from jmmc.core.model import Push
from jmmc.stores import open_store
from jmmc.stores.ndjson import NdjsonFile
from tests.support.builders import UID, push, sample, v1_push
from tests.support.commands import jmmc
from tests.support.mongod import Mongod

_OTHER = "0" * 23 + "2"
_PUSHES = [
    push(*range(150)),
    push(samples=(sample(0, ts=1_600_000_000), sample(9, full=True, bye=True)), session=_OTHER),
    *(v1_push(f'{{"cq":{n}}}', opens=n == 0) for n in range(130)),
]
_V1_DOCUMENT = {
    "_id": ObjectId("62065be5c8b4a1d2e3f40001"),
    "conf": "old",
    "uid": UID,
    "m": [
        {"ts": 1644583909, "br": "Chrome 98", "t": {"rip": Int64(3221225986)}},
        {"ts": 1644583939.0, "cq": 100.0, "d": {"bw": None}},
        {"ts": 1644583939.0, "cq": 100.0, "d": {"bw": None}},
    ],
}


def _copied(*arguments: str) -> str:
    done = jmmc("copy", *arguments)
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    read, stored = lines[1].removeprefix("read "), lines[2].removeprefix("of these in the target ")
    assert read == stored
    return f"{read} / {lines[3]}"


def _export(url: str, *options: str) -> list[Any]:
    done = jmmc("export", "--store", url, *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


async def _fill(url: str, pushes: Sequence[Push], collection: str = "copies") -> None:
    store = open_store(url, collection=collection)
    await store.open()
    await store.append(pushes)
    await store.close()


@pytest.fixture
def file(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/one.db"


@pytest.fixture
def collection(tmp_path: Path) -> tuple[str, str]:
    return ("--collection", tmp_path.name)


async def test_a_copy_from_sqlite_to_mongodb_and_back_is_the_same(
    tmp_path: Path, file: str, mongod: Mongod, collection: tuple[str, str]
) -> None:
    await _fill(file, _PUSHES)
    back = f"sqlite:///{tmp_path}/two.db"

    done = jmmc("copy", file, mongod.url, *collection)
    assert f"at once: jmmc rebuild --store {mongod.url}" in done.stdout
    assert _copied(file, mongod.url, *collection).startswith("3 282 ")
    assert _copied(mongod.url, back, *collection).startswith("3 282 ")
    assert _export(back) == _export(file) == _export(mongod.url, *collection)


async def test_samples_that_the_target_has_are_not_written_again(
    file: str, mongod: Mongod, collection: tuple[str, str]
) -> None:
    await _fill(file, [push(*range(100)), *_PUSHES[2:60]])
    _copied(file, mongod.url, *collection)
    await _fill(file, [push(*range(100, 150)), *_PUSHES[60:]])

    said = _copied(file, mongod.url, *collection)
    assert said.endswith("/ 122 samples written; the others were already there")
    assert _copied(file, mongod.url, *collection).endswith(
        "/ 0 samples written; the others were already there"
    )
    assert _export(mongod.url, *collection) == _export(file)


async def test_the_collection_of_the_express_middleware_is_copied_in_its_form(
    file: str, mongod: Mongod, collection: tuple[str, str]
) -> None:
    with mongod.client() as client:
        client.jmmc[collection[1]].insert_one(_V1_DOCUMENT)
    _copied(mongod.url, file, *collection)

    (session,) = _export(file)
    assert session["m"][1] == {"ts": 1644583939, "cq": 100, "d": {"bw": None}}
    assert len(session["m"]) == 2, "the third says what the second said"


@pytest.mark.parametrize("mode", [json_util.RELAXED_JSON_OPTIONS, json_util.CANONICAL_JSON_OPTIONS])
async def test_files_of_mongoexport_are_read(tmp_path: Path, file: str, mode: Any) -> None:
    path = tmp_path / "export.json"
    path.write_text(json_util.dumps(_V1_DOCUMENT, json_options=mode) + "\n\n")
    _copied(str(path), file)

    (session,) = _export(file)
    assert session["_id"] == "62065be5c8b4a1d2e3f40001"
    assert session["m"][0] == {"ts": 1644583909, "br": "Chrome 98", "t": {"rip": 3221225986}}


async def test_a_session_of_several_lines_becomes_one_session(
    tmp_path: Path, file: str, mongod: Mongod, collection: tuple[str, str]
) -> None:
    await _fill(mongod.url, _PUSHES, collection[1])
    path = tmp_path / "export.json"
    with mongod.client() as client:
        lines = [
            json_util.dumps(document) for document in client.jmmc[collection[1]].find().sort("at")
        ]
    path.write_text("\n".join(lines))
    _copied(str(path), file)

    assert _export(file) == _export(mongod.url, *collection)


async def test_our_own_export_is_read(tmp_path: Path, file: str) -> None:
    await _fill(file, _PUSHES)
    path = tmp_path / "export.ndjson"
    path.write_text("".join(json.dumps(document) + "\n" for document in _export(file)))
    _copied(str(path), f"sqlite:///{tmp_path}/two.db")

    assert _export(f"sqlite:///{tmp_path}/two.db") == _export(file)


async def test_only_sessions_of_the_selected_time_are_copied(tmp_path: Path, file: str) -> None:
    await _fill(file, _PUSHES)
    target = f"sqlite:///{tmp_path}/two.db"
    _copied(file, target, "--until", "2021-01-01")

    assert [document["_id"] for document in _export(target)] == [_OTHER]


async def test_different_content_under_the_same_seq_is_reported_and_kept(
    tmp_path: Path, file: str
) -> None:
    target = f"sqlite:///{tmp_path}/two.db"
    await _fill(file, [push(samples=(sample(0, '{"cq":1}'),))])
    await _fill(target, [push(samples=(sample(0, '{"cq":2}'),))])

    done = jmmc("copy", file, target)
    assert done.returncode == 1
    assert "were kept" in done.stderr
    assert _export(target)[0]["m"][0]["cq"] == 2


async def test_a_session_of_another_owner_is_reported(tmp_path: Path, file: str) -> None:
    target = f"sqlite:///{tmp_path}/two.db"
    await _fill(file, [push(0)])
    await _fill(target, [push(0, room="other")])
    done = jmmc("copy", file, target)
    assert done.returncode == 1
    assert "belongs to another" in done.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "truncated"),
        ("[]", "not a JSON object"),
        ('{"_id":"5"}', "24 hex digits"),
        ('{"_id":"62065be5c8b4a1d2e3f40001","conf":1}', "must be strings"),
        ('{"_id":"62065be5c8b4a1d2e3f40001","conf":"a","uid":"b","m":[]}', "list of samples"),
        ('{"_id":"62065be5c8b4a1d2e3f40001","conf":"a","uid":"b","m":[{}]}', "without ts"),
        (
            '{"_id":"62065be5c8b4a1d2e3f40001","conf":"a","uid":"b","v":2,"m":[{"ts":1}]}',
            "without seq",
        ),
    ],
)
def test_a_line_that_is_not_a_session_is_named(
    tmp_path: Path, file: str, line: str, words: str
) -> None:
    path = tmp_path / "export.json"
    path.write_text("\n" + line + "\n")
    done = jmmc("copy", str(path), file)
    assert done.returncode == 1
    assert f"{path}:2: not a session: " in done.stderr
    assert words in done.stderr


def test_a_missing_source_is_named(tmp_path: Path, file: str) -> None:
    done = jmmc("copy", f"sqlite:///{tmp_path}/none.db", file)
    assert (done.returncode, "no such file" in done.stderr) == (1, True)
    done = jmmc("copy", str(tmp_path / "none.json"), file)
    assert (done.returncode, "no such file" in done.stderr) == (1, True)


async def test_a_store_given_as_a_file_is_named_with_its_url(tmp_path: Path, file: str) -> None:
    await _fill(file, _PUSHES[:1])
    path = file.removeprefix("sqlite:///")
    with pytest.raises(UnusableStore, match=re.escape(f"give its URL, {file}")):
        await NdjsonFile(path).open()
