"""The people who may sign in: names, password hashes (argon2id) and roles."""

from hashlib import sha256
from typing import Literal, get_args

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from msgspec import Struct

from jmmc.accounts.tokens import Scope
from jmmc.core.errors import JmmcError
from jmmc.stores import Reports

Role = Literal["viewer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
SCOPES_OF: dict[Role, tuple[Scope, ...]] = {
    "viewer": ("read", "export"),
    "admin": ("read", "export", "erase"),
}
SHORTEST = 10
"""Minimum length of a password in characters."""

_KIND = "user"
_HASHER = PasswordHasher()
_NOBODY = (  # The hash of no password; verifying takes as long as any. Hashing one: 0.1 s, 64 MB.
    f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    f"${'A' * 22}${'A' * 43}"
)


class User(Struct, frozen=True):
    """A person who may sign in. Of the password only the hash is stored."""

    name: str
    role: Role
    hash: str


class UserError(JmmcError):
    """A user cannot be added or removed."""


async def add(reports: Reports, name: str, password: str, role: Role) -> None:
    """Add a user, or set the password and role of an existing one. Raises `UserError`."""
    if len(password) < SHORTEST:
        raise UserError(f"a password needs {SHORTEST} characters or more")
    user = User(name, role, _HASHER.hash(password))
    await reports.put_record(_KIND, name, msgspec.json.encode(user))


async def users(reports: Reports) -> list[User]:
    """Load all users, sorted by name."""
    records = (await reports.records(_KIND)).values()
    return sorted(
        (msgspec.json.decode(record, type=User) for record in records),
        key=lambda user: user.name,
    )


async def remove(reports: Reports, name: str) -> None:
    """Delete a user. Raises `UserError` when there is none of that name."""
    if not await reports.delete_record(_KIND, name):
        raise UserError(f"there is no user {name!r}")


def stamp(user: User) -> str:
    """A text that changes with the password, so that sign-ins with the old one end."""
    return sha256(user.hash.encode()).hexdigest()[:16]


async def find(reports: Reports, name: str) -> User | None:
    """Find a user by name."""
    record = (await reports.records(_KIND)).get(name)
    return None if record is None else msgspec.json.decode(record, type=User)


def verify(user: User | None, password: str) -> bool:
    """Check a password. Takes 50 ms, also for an unknown user: the time does not reveal names."""
    try:
        _HASHER.verify(user.hash if user else _NOBODY, password)
    except VerificationError:
        return False
    return user is not None
