"""The people who may sign in: names, password hashes (argon2id) and roles."""

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from typing import Literal, get_args

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from msgspec import Struct

from jmmc.accounts.tokens import Scope
from jmmc.core.errors import JmmcError
from jmmc.core.text import is_visible
from jmmc.stores import Reports

Role = Literal["viewer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
SCOPES_OF: dict[Role, tuple[Scope, ...]] = {
    "viewer": ("read", "export"),
    "admin": ("read", "export", "note", "erase"),
}
SHORTEST = 10
"""Minimum length of a password in characters."""

LONGEST_NAME = 64
"""Maximum length of a name in characters."""

Reason = Literal["name", "taken", "unknown", "short", "long", "last_admin"]
"""Why users cannot be changed so."""

_LONGEST = 1024  # Characters of a password.
_KIND = "user"
# OWASP Password Storage Cheat Sheet. The library's default takes 64 MB and four threads: beside
# wrong passwords, all processors for 50 ms at a time, which pushes wait for.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = (  # The hash of no password; verifying takes as long as any.
    f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    f"${'A' * 22}${'A' * 43}"
)


class User(Struct, frozen=True):
    """A person who may sign in. Of the password only the hash is stored."""

    name: str
    role: Role
    hash: str


class UserError(JmmcError):
    """Users cannot be changed so; `reason` is why, the text says what to do on the command line."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


async def add(reports: Reports, name: str, password: str, role: Role) -> None:
    """Add a user. Raises `UserError`, also when the name is taken."""
    check_name(name)
    check_password(password)
    if await find(reports, name) is not None:
        raise UserError(
            "taken",
            f"there is already a user {name!r}: change the password with jmmc user passwd,"
            " the role with jmmc user role",
        )
    await _put(reports, User(name, role, await _hash(password)))


async def set_password(reports: Reports, name: str, password: str) -> User:
    """Set the password of a user, who keeps the role, and return the user as stored.

    Sign-ins with the old password end. Raises `UserError`.
    """
    check_password(password)
    hash_ = await _hash(password)
    user = msgspec.structs.replace(await _existing(reports, name), hash=hash_)
    await _put(reports, user)
    return user


async def set_role(reports: Reports, name: str, role: Role, *, force: bool = False) -> None:
    """Set the role of a user, who keeps the password and stays signed in.

    Raises `UserError`, without `force` also for the last admin.
    """
    user = await _existing(reports, name)
    if role != "admin" and not force:
        _refuse_last_admin(await users(reports), name)
    await _put(reports, msgspec.structs.replace(user, role=role))


async def remove(reports: Reports, name: str, *, force: bool = False) -> None:
    """Delete a user, whose sign-ins end.

    Raises `UserError` when there is none of that name, and without `force` for the last admin.
    """
    await _existing(reports, name)
    if not force:
        _refuse_last_admin(await users(reports), name)
    await reports.delete_record(_KIND, name)


async def users(reports: Reports) -> list[User]:
    """Load all users, sorted by name."""
    records = (await reports.records(_KIND)).values()
    return sorted(
        (msgspec.json.decode(record, type=User) for record in records),
        key=lambda user: user.name,
    )


async def find(reports: Reports, name: str) -> User | None:
    """Find a user by name."""
    record = (await reports.records(_KIND)).get(name)
    return None if record is None else msgspec.json.decode(record, type=User)


def check_name(name: str) -> None:
    """Raise `UserError` for a name that nobody can have."""
    if not (0 < len(name) <= LONGEST_NAME and is_visible(name) and name == name.strip()):
        raise UserError(
            "name",
            f"a name has 1 to {LONGEST_NAME} printable characters and no space at either end"
            f" (got {name[: LONGEST_NAME + 1]!r})",
        )


def check_password(password: str) -> None:
    """Raise `UserError` for a password that is too short or too long."""
    if len(password) < SHORTEST:
        raise UserError("short", f"a password needs {SHORTEST} characters or more")
    if len(password) > _LONGEST:
        raise UserError("long", f"a password has at most {_LONGEST:,} characters")


def is_last_admin(listed: Sequence[User], name: str) -> bool:
    """Whether this user is an admin, and the only one of those listed."""
    return [user.name for user in listed if user.role == "admin"] == [name]


def stamp(user: User) -> str:
    """A text that changes with the password, so that sign-ins with the old one end."""
    return sha256(user.hash.encode()).hexdigest()[:16]


def verify(user: User | None, password: str) -> bool:
    """Check a password.

    Takes 20 ms and 19 MB, also for an unknown user: the time does not reveal names.
    """
    try:
        _HASHER.verify(user.hash if user else _NOBODY, password)
    except VerificationError:
        return False
    return user is not None


def _refuse_last_admin(listed: Sequence[User], name: str) -> None:
    if is_last_admin(listed, name):
        raise UserError(
            "last_admin",
            f"{name!r} is the last admin: make another user an admin first"
            " (jmmc user role NAME admin), or give --force",
        )


async def _existing(reports: Reports, name: str) -> User:
    user = await find(reports, name)
    if user is None:
        raise UserError("unknown", f"there is no user {name!r}: jmmc user list shows them")
    return user


async def _hash(password: str) -> str:
    return await asyncio.to_thread(_HASHER.hash, password)


async def _put(reports: Reports, user: User) -> None:
    await reports.put_record(_KIND, user.name, msgspec.json.encode(user))
