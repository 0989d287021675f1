"""Secrets from files, as containers and systemd credentials give them."""

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic.fields import FieldInfo

from jmmc.core.errors import SettingsError
from jmmc.settings.values import Mark

FILE_SUFFIX = "_file"
CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
CREDENTIAL_PREFIX = "jmmc."

_LIMIT = 65_536  # Bytes; the longest secret is a list of URLs.


def may_be_in_a_file(field: FieldInfo) -> bool:
    """Whether a setting is a secret, or may hold one, and so may be read from a file."""
    return Mark.HIDDEN in field.metadata or Mark.FILE in field.metadata


def credentials(
    fields: Mapping[str, FieldInfo], environ: Mapping[str, str]
) -> Iterator[tuple[str, Path]]:
    """The settings that systemd gives as credentials, each with its file."""
    folder = environ.get(CREDENTIALS_VARIABLE, "")
    for name, field in fields.items() if folder else ():
        path = Path(folder, CREDENTIAL_PREFIX + name)
        if may_be_in_a_file(field) and path.exists():
            yield name, path


def read_secret(path: object, source: str) -> str:
    """Read a secret without the newline at its end. `source` names where `path` was given.

    Raises `SettingsError` if the file cannot be read or holds nothing. No message shows a secret.
    """
    if not isinstance(path, str | Path) or not str(path):
        raise SettingsError(f"{source}: expected the path of a file; give one, or leave it out")
    file = Path(path)
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # Reading a pipe would block a reload.
            raise SettingsError(f"{source}: {file} is not a regular file; give one")
        with file.open("rb") as opened:
            raw = opened.read(_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        hint = "give a file that this user may read"
        raise SettingsError(f"{source}: cannot read {file}: {reason}; {hint}") from None
    if len(raw) > _LIMIT:
        raise SettingsError(f"{source}: {file} is larger than {_LIMIT} bytes; give a smaller file")
    try:
        secret = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise SettingsError(f"{source}: {file} is not UTF-8 text; write it as text") from None
    if not secret.strip():
        raise SettingsError(f"{source}: {file} is empty; write the secret into it, or leave it out")
    if "\0" in secret:
        raise SettingsError(f"{source}: {file} contains a NUL character; write it as text")
    return secret
