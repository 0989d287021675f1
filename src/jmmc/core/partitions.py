"""The partitions by which collectors on one store share their work: each has some of the rooms."""

from zlib import crc32

PARTITIONS = 64
"""More than the collectors on one store, so that shares differ little; it is part of what is
stored."""


def partition_of(room: str) -> int:
    """The partition of a room, from 0 to `PARTITIONS` - 1: all sessions of a meeting are in one."""
    return crc32(room.encode("utf-8", "surrogatepass")) % PARTITIONS
