"""Who may look at the pages: names, password hashes (argon2id), and what each may do."""

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
"""Characters of a password."""

_KIND = "user"
_HASHER = PasswordHasher()
_NOBODY = (  # No password's, and as dear to verify as any. To make one would take 0.1 s and 64 MB.
    f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    f"${'A' * 22}${'A' * 43}"
)


class User(Struct, frozen=True):
    """Somebody with a password, of which only the hash is kept."""

    name: str
    role: Role
    hash: str


class UserError(JmmcError):
    """A user cannot be added or removed as asked."""


async def add(reports: Reports, name: str, password: str, role: Role) -> None:
    """Add a user, or give one a new password and role. Raises `UserError`."""
    if len(password) < SHORTEST:
        raise UserError(f"a password needs {SHORTEST} characters or more")
    user = User(name, role, _HASHER.hash(password))
    await reports.put_record(_KIND, name, msgspec.json.encode(user))


async def users(reports: Reports) -> list[User]:
    """All users, by name."""
    found = (await reports.records(_KIND)).values()
    return sorted(
        (msgspec.json.decode(row, type=User) for row in found), key=lambda value: value.name
    )


async def remove(reports: Reports, name: str) -> None:
    """Delete a user. Raises `UserError` when there is none of that name."""
    if not await reports.delete_record(_KIND, name):
        raise UserError(f"there is no user {name!r}")


def stamp(user: User) -> str:
    """Changes with the password, so that what was given out for the old one ends."""
    return sha256(user.hash.encode()).hexdigest()[:16]


async def find(reports: Reports, name: str) -> User | None:
    """The user of that name."""
    record = (await reports.records(_KIND)).get(name)
    return None if record is None else msgspec.json.decode(record, type=User)


def verify(user: User | None, password: str) -> bool:
    """Whether it is the password. Takes 50 ms and as long for nobody: names are not told apart."""
    try:
        _HASHER.verify(user.hash if user else _NOBODY, password)
    except VerificationError:
        return False
    return user is not None
