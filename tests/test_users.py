"""Passwords: nobody learns from how long it takes who may sign in."""

from argon2 import extract_parameters

from jmmc import users
from jmmc.users import User, verify


def test_it_takes_the_same_work_to_refuse_somebody_and_nobody() -> None:
    known = User("eve", "viewer", users._HASHER.hash("correct horse"))
    assert extract_parameters(users._NOBODY) == extract_parameters(known.hash)
    assert verify(known, "correct horse")
    assert not verify(known, "wrong horse")
    assert not verify(None, "correct horse")
