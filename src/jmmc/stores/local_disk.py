"""The disk of a folder of this machine."""

import asyncio
import os
from pathlib import Path

from jmmc.core.errors import StoreError
from jmmc.core.model import Disk


async def disk_of(folder: Path, *, takes_pushes: bool = True) -> Disk:
    """The disk of a folder. Raises `StoreError` when it cannot be measured."""
    try:
        # In a thread: a network disk that is away blocks.
        free = await asyncio.to_thread(free_bytes, folder)
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror or error}") from error
    return Disk(str(folder), free, takes_pushes)


def free_bytes(folder: Path) -> int:
    """Bytes of a folder's file system that this user may still use. Raises `OSError`."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
