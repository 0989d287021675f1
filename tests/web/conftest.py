"""What all tests of the web wing share."""

from functools import partial

import pytest
from argon2 import PasswordHasher

from jmmc.accounts import users
from jmmc.maintenance.erase import forget


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with a thousandth of the work; tests/accounts tests the real parameters."""
    monkeypatch.setattr(users, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64))


@pytest.fixture(autouse=True)
def quick_erasure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Erase without waiting for other collectors; tests/e2e tests erasures beside some."""
    monkeypatch.setattr("jmmc.collector.forget", partial(forget, settle=0))
