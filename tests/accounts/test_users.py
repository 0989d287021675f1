"""Who may sign in; and that nobody learns from how long it takes who may."""

import subprocess
from pathlib import Path

from argon2 import extract_parameters

from jmmc.accounts import users
from jmmc.accounts.users import User, verify
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.commands import jmmc


def test_refusing_an_unknown_user_costs_as_much_as_a_wrong_password() -> None:
    known = User("eve", "viewer", users._HASHER.hash("correct horse"))
    assert extract_parameters(users._NOBODY) == extract_parameters(known.hash)
    assert verify(known, "correct horse")
    assert not verify(known, "wrong horse")
    assert not verify(None, "correct horse")


def _jmmc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return jmmc("user", *arguments, "--store", f"sqlite:///{folder}/a")


async def test_users_are_added_listed_and_removed(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a")
    await store.open()
    await store.close()
    for name, role in (("bob", "viewer"), ("ann", "admin")):
        added = _jmmc(tmp_path, "add", name, "--role", role, "--password", "correct horse")
        assert added.returncode == 0, added.stderr
    short = _jmmc(tmp_path, "add", "eve", "--password", "horse")
    assert (short.returncode, short.stderr) == (1, "jmmc: a password needs 10 characters or more\n")
    listed = _jmmc(tmp_path, "list").stdout.splitlines()
    assert [item.split() for item in listed] == [
        ["user", "role"],
        ["ann", "admin"],
        ["bob", "viewer"],
    ]
    assert _jmmc(tmp_path, "remove", "bob").returncode == 0
    again = _jmmc(tmp_path, "remove", "bob")
    assert (again.returncode, again.stderr) == (1, "jmmc: there is no user 'bob'\n")
