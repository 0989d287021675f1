"""Names, support codes, ratings and rooms of tenants on the command line."""

import json
from pathlib import Path

import pytest

from jmmc.stores.sqlite.store import SqliteStore
from tests.support.commands import jmmc
from tests.support.site import Site


@pytest.fixture
async def session(store: SqliteStore) -> str:
    """A session of Anna in a room of a tenant, and one of Ben."""
    chosen = {"support_code": "code", "collect_devices": True, "ask_rating": 0.5}
    site = Site(store, identify="display_name", **chosen)
    person = {"name": "Anna Berg", "code": "10AB9Z", "dev": {"mic": "Headset"}}
    session = await site.push(
        "anna", room="standup", ten="alpha", join={"pid": "8b4139fa", **person}, after={"rate": 2}
    )
    await site.push("ben", room="standup", join={"pid": "1", "name": "Ben"})
    await site.summarize()
    await site.close()
    return session


def test_commands_find_and_show_a_person_and_erase_a_room_of_a_tenant(
    session: str, file: Path
) -> None:
    def run(*arguments: str) -> str:
        done = jmmc(*arguments, "--store", f"sqlite:///{file}", folder=file.parent)
        assert done.returncode == 0, done.stderr
        return done.stdout

    for options in (["--name", "BERG"], ["--code", "ioab9z"], ["--rating", "2"]):
        (found,) = json.loads(run("sessions", "--json", *options))["items"]
        assert found["session"] == session
    assert "Anna Berg (8b4139fa)" in run("sessions")
    shown = run("show", "io-ab9z")
    assert "Anna Berg (8b4139fa), code 10AB9Z, microphone Headset, rating 2 of 5" in shown
    assert shown.startswith(session)
    assert "rating       2.0 of 5 in 1 (too few)" in run("report")
    assert (
        "1 sessions"
        in jmmc(
            *("forget", "--room", "alpha/standup", "--dry-run"),
            *("--store", f"sqlite:///{file}"),
            folder=file.parent,
        ).stderr
    )
