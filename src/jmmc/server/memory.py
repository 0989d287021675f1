"""Gives memory that is free back to the system, where the C library is glibc.

Each thread of ours allocates in a heap of its own, and glibc keeps what is freed there: in a
collector with many readers 80 MB after some minutes. Elsewhere nothing is done.
"""

import ctypes
from collections.abc import Callable
from typing import Any

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # Parameters of mallopt.
_KEPT = 4 << 20  # Bytes at the end of a heap that are given back only by `give_back`.
_LARGE = 1 << 20  # Bytes from which a block is mapped alone: asyncio reads into 256 KiB each time.


def set_up_heaps() -> None:
    """Give back large blocks at once, and others only by `give_back`.

    A heap for each thread is as it is: with two for all, a push took a fifth more CPU.
    """
    if mallopt := _function("mallopt"):
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _KEPT)


def give_back() -> None:
    """Give back what is free in the heaps; takes milliseconds, without the interpreter lock."""
    if trim := _function("malloc_trim"):
        trim(ctypes.c_size_t(0))


def _function(name: str) -> Callable[..., Any] | None:
    """A function of the C library; None where it has none of that name."""
    try:
        function: Callable[..., Any] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
    return function
