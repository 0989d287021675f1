"""What all tests of the web wing share."""

import pytest
from argon2 import PasswordHasher

from jmmc.accounts import users


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with a thousandth of the work; tests/accounts tests the real parameters."""
    monkeypatch.setattr(users, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64))
