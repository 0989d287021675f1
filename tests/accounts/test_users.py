"""Who may sign in; and that nobody learns from how long it takes who may."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from argon2 import extract_parameters

from jmmc.accounts import users
from jmmc.accounts.users import User, UserError, verify
from jmmc.stores.sqlite.store import SqliteStore
from tests.support.commands import jmmc


def test_refusing_an_unknown_user_costs_as_much_as_a_wrong_password() -> None:
    known = User("eve", "viewer", users._HASHER.hash("correct horse"))
    assert extract_parameters(users._NOBODY) == extract_parameters(known.hash)
    assert verify(known, "correct horse")
    assert not verify(known, "wrong horse")
    assert not verify(None, "correct horse")


def test_passwords_are_hashed_as_owasp_recommends_and_by_one_thread() -> None:
    parameters = extract_parameters(users._HASHER.hash("correct horse"))
    assert (parameters.memory_cost, parameters.time_cost) == (19_456, 2)  # KiB.
    assert parameters.parallelism == 1


def _jmmc(
    folder: Path, *arguments: str, answer: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    return jmmc(
        "user", *arguments, "--store", "sqlite:///a", folder=folder, answer=answer, **environ
    )


def _roles(folder: Path) -> dict[str, str]:
    listed = json.loads(_jmmc(folder, "list", "--json").stdout)
    return {user["name"]: user["role"] for user in listed}


def test_users_are_added_before_the_first_start_and_managed(tmp_path: Path) -> None:
    added = _jmmc(tmp_path, "add", "ann", "--role", "admin", answer="correct horse\n")
    assert (added.returncode, added.stderr) == (0, "")
    assert added.stdout == "a: a new store was made\nadded ann as admin to sqlite:///a\n"
    assert _jmmc(tmp_path, "add", "bob", JMMC_PASSWORD="correct horse").returncode == 0
    assert _roles(tmp_path) == {"ann": "admin", "bob": "viewer"}
    again = _jmmc(tmp_path, "add", "ann", answer="another horse\n")
    assert (again.returncode, "already a user 'ann'" in again.stderr) == (1, True)
    assert _jmmc(tmp_path, "passwd", "ann", answer="another horse\n").returncode == 0
    assert _roles(tmp_path)["ann"] == "admin"
    for command in (["remove", "ann"], ["role", "ann", "viewer"]):
        refused = _jmmc(tmp_path, *command)
        assert (refused.returncode, "'ann' is the last admin" in refused.stderr) == (1, True)
    assert _jmmc(tmp_path, "role", "bob", "admin").returncode == 0
    assert _jmmc(tmp_path, "remove", "ann").returncode == 0
    assert _jmmc(tmp_path, "role", "bob", "viewer", "--force").returncode == 0
    lines = _jmmc(tmp_path, "list").stdout.splitlines()
    assert [line.split() for line in lines] == [["user", "role"], ["bob", "viewer"]]


@pytest.mark.parametrize(
    ("arguments", "answer", "code", "problem"),
    [
        (["add", ""], "", 2, "a name has 1 to 64 printable characters"),
        (["add", " ann"], "", 2, "no space at either end"),
        (["add", "a\nb"], "", 2, "printable"),
        (["add", "ann"], "", 2, "no password: give it on standard input"),
        (["add", "ann"], "horse\n", 1, "a password needs 10 characters or more"),
        (["add", "ann", "--role", "boss"], "", 2, "'viewer', 'admin'"),
        (["list"], "", 1, "a: no such file"),
        (["passwd", "ann"], "", 1, "a: no such file"),
        (["remove", "ann"], "", 1, "a: no such file"),
    ],
)
def test_an_impossible_change_is_refused_and_makes_no_file(
    tmp_path: Path, arguments: list[str], answer: str, code: int, problem: str
) -> None:
    done = _jmmc(tmp_path, *arguments, answer=answer)
    assert (done.returncode, problem in done.stderr) == (code, True), done.stderr
    assert list(tmp_path.iterdir()) == []


async def test_a_password_and_a_role_change_without_each_other(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a")
    await store.open()
    reports = store.reports
    await users.add(reports, "ann", "correct horse", "admin")
    before = await users.find(reports, "ann")
    after = await users.set_password(reports, "ann", "another horse")
    assert before is not None
    assert (after.role, verify(after, "another horse")) == ("admin", True)
    assert users.stamp(before) != users.stamp(after)
    await users.set_role(reports, "ann", "viewer", force=True)
    assert await users.find(reports, "ann") == User("ann", "viewer", after.hash)
    with pytest.raises(UserError, match="no user 'bob'"):
        await users.set_password(reports, "bob", "correct horse")
    await store.close()


def test_a_password_is_asked_for_twice_in_a_terminal_and_not_shown(tmp_path: Path) -> None:
    ours, terminal = pty.openpty()
    command = [sys.executable, "-m", "jmmc", "user", "add", "ann", "--store", "sqlite:///a"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    ) as process:
        os.close(terminal)
        written = b""
        try:
            while part := os.read(ours, 4096):
                written += part
                if part.endswith((b"Password: ", b"confirmation: ")):
                    os.write(ours, b"correct horse\n")
        except OSError:  # The other end is closed.
            pass
        os.close(ours)
    assert process.returncode == 0, written
    assert written.count(b"Password: ") == 1
    assert b"confirmation: " in written
    assert b"horse" not in written
    assert _roles(tmp_path) == {"ann": "viewer"}
