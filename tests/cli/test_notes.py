"""`jmmc note`, on a store of its own."""

import json
from pathlib import Path

from tests.support.commands import jmmc


def test_notes_are_added_listed_and_removed(tmp_path: Path) -> None:
    store = ("--store", f"sqlite:///{tmp_path}/a.db")
    assert jmmc("token", "create", "x", *store).returncode == 0  # It makes the store.
    span = ("--at", "2026-11-01T10:00", "--until", "2026-11-01T11:00", "--utc")
    id_ = jmmc("note", "add", "moved \u202eto eu-west", *store, *span)
    assert "printable" in id_.stderr
    id_ = jmmc("note", "add", "moved to eu-west", *store, *span)
    assert jmmc("note", "add", "now", *store).returncode == 0
    table = jmmc("note", "list", "--utc", "--until", "2026-11-02", *store).stdout.splitlines()
    assert [" ".join(line.split()) for line in table[1:]] == [
        f"{id_.stdout.strip()} 2026-11-01 10:00:00 UTC 2026-11-01 11:00:00 UTC moved to eu-west"
    ]
    listed = json.loads(jmmc("note", "list", "--json", *store).stdout)
    assert [note["text"] for note in listed] == ["moved to eu-west", "now"]
    assert jmmc("note", "remove", listed[0]["id"], *store).returncode == 0
    gone = jmmc("note", "remove", listed[0]["id"], *store)
    assert gone.returncode == 1
    assert "there is no note" in gone.stderr
    assert len(json.loads(jmmc("note", "list", "--json", *store).stdout)) == 1
