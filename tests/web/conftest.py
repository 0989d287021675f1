"""What all tests of the web wing share."""

from collections.abc import Iterator
from functools import partial

import pytest
from argon2 import PasswordHasher

from jmmc.accounts import users
from jmmc.maintenance.erase import forget


@pytest.fixture(autouse=True, scope="module")
def quick_passwords() -> Iterator[None]:
    """Hash passwords with a thousandth of the work; tests/accounts tests the real parameters."""
    hasher = PasswordHasher(time_cost=1, memory_cost=64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "_HASHER", hasher)
        patch.setattr(users, "_NOBODY", hasher.hash("of nobody"))
        yield


@pytest.fixture(autouse=True)
def quick_erasure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Erase without waiting for other collectors; tests/e2e tests erasures beside some."""
    monkeypatch.setattr("jmmc.collector.forget", partial(forget, settle=0))
