"""Whether this process was forked from another one, without a system call for each question."""

import os

_forks = 0


def forks() -> int:
    """How many forks are between this process and the one that imported this module."""
    return _forks


def _count() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_count)
