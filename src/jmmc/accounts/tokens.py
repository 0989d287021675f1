"""Bearer tokens of the API; only their digests are stored."""

import secrets
from collections.abc import Iterable
from hashlib import sha256
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from jmmc.core.errors import JmmcError
from jmmc.stores import Reports

Scope = Literal["read", "export", "note", "erase"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

_KIND = "token"


class Token(Struct, frozen=True):
    """A token that was created, without its value; `created` is Unix seconds."""

    name: str
    scopes: tuple[Scope, ...]
    created: int


class TokenError(JmmcError):
    """A token cannot be created or revoked."""


async def create(reports: Reports, name: str, scopes: Iterable[Scope], now: int) -> str:
    """Create a token and return its value, which cannot be read again.

    Raises `TokenError` when the name is taken.
    """
    if any(token.name == name for token in await tokens(reports)):
        raise TokenError(f"there is already a token {name!r}")
    secret = f"jmmc_{secrets.token_urlsafe(32)}"
    token = Token(name, tuple(scopes), now)
    await reports.put_record(_KIND, _digest(secret), msgspec.json.encode(token))
    return secret


async def tokens(reports: Reports) -> list[Token]:
    """Load all tokens, sorted by name."""
    records = (await reports.records(_KIND)).values()
    return sorted(
        (msgspec.json.decode(record, type=Token) for record in records),
        key=lambda token: token.name,
    )


async def revoke(reports: Reports, name: str) -> None:
    """Delete a token. Raises `TokenError` when there is none of that name."""
    for digest, record in (await reports.records(_KIND)).items():
        if msgspec.json.decode(record, type=Token).name == name:
            await reports.delete_record(_KIND, digest)
            return
    raise TokenError(f"there is no token {name!r}")


async def find(reports: Reports, secret: str) -> Token | None:
    """Find the token with this value, if there is one. 256 random bits need no slow hash."""
    record = (await reports.records(_KIND)).get(_digest(secret))
    return None if record is None else msgspec.json.decode(record, type=Token)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
