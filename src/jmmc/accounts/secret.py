"""The secret that signs cookies: from the settings, or generated at the first start."""

import os
import secrets
from pathlib import Path

from jmmc.core.errors import SettingsError
from jmmc.settings import Settings


def resolve_secret(settings: Settings, *, generate: bool = True) -> str:
    """Return the secret in force.

    Without one in the settings, a random secret is kept beside the SQLite file, readable by its
    owner only, so that cookies stay valid over a restart; with MongoDB it lasts until the process
    ends. Processes that start together get the same file. Without `generate` no file is written.
    Raises `SettingsError` when it can be neither read nor written.
    """
    if settings.secret:
        return settings.secret
    scheme, _, path = settings.store.partition(":///")
    if scheme != "sqlite":
        return secrets.token_urlsafe(32)
    file = Path(path + ".secret")
    if not generate and not file.exists():
        raise SettingsError(f"secret: {file} does not exist; set secret or pseudonym_key")
    return _read_or_generate(file)


def _read_or_generate(path: Path) -> str:
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        if not path.exists():
            with os.fdopen(
                os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
            ) as file:
                file.write(secrets.token_urlsafe(32))
                file.flush()
                os.fsync(file.fileno())
            try:
                # A link fails if another process was quicker, and is never seen half-written.
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        secret = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"secret: cannot keep one in {path}: {error}") from error
    if not secret:
        raise SettingsError(f"secret: {path} is empty; delete it, and a new one is generated")
    return secret
