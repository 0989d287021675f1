"""How many different people there were, over times of which each knows its own people.

Exactly, from digests of their ids; or estimated from a sketch, which names nobody: many people
share each of its marks. A sketch is a HyperLogLog of 4,096 registers: the standard error of an
estimate is 1.6 %. Two sketches are merged by a bitwise or. The estimator is that of Ertl, New
cardinality estimation algorithms for HyperLogLog sketches (2017), algorithm 6, which needs no
correction of bias.
"""

import zlib
from array import array
from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from math import log, sqrt

STANDARD_ERROR = 0.01625
"""Of an estimate, as a share of it: 1.04 / √4096."""

_REGISTERS = 4096
_BITS = 32  # Of a register, one for each rank.
_SIZE = _REGISTERS * _BITS // 8
_LEVEL = 6  # Of zlib.


def digest_of(browser_id: str) -> int:
    """The digest of a person's id, 64 bits."""
    encoded = browser_id.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(encoded, digest_size=8).digest(), "little")


def pack_digests(digests: Iterable[int]) -> bytes:
    """Digests as bytes, eight each, by size."""
    return array("Q", sorted(digests)).tobytes()


def unpack_digests(packed: bytes) -> Iterable[int]:
    """The inverse of `pack_digests`."""
    return array("Q", packed)


def sketch_of(digests: Iterable[int]) -> bytes:
    """The sketch of people, compressed."""
    words = [0] * _REGISTERS
    for digest in digests:
        rest = (digest >> 12) | 1 << (_BITS - 1)
        words[digest % _REGISTERS] |= rest & -rest  # The lowest bit that is set.
    return zlib.compress(array("I", words).tobytes(), _LEVEL)


def estimate(sketches: Iterable[bytes]) -> int:
    """How many different people these sketches have together."""
    merged = 0
    for sketch in sketches:
        merged |= int.from_bytes(zlib.decompress(sketch), "little")
    words = array("I", merged.to_bytes(_SIZE, "little"))
    counts = Counter(word.bit_length() for word in words)
    total = _REGISTERS * _tau(1 - counts[_BITS] / _REGISTERS)
    for rank in range(_BITS - 1, 0, -1):
        total = (total + counts[rank]) / 2
    total += _REGISTERS * _sigma(counts[0] / _REGISTERS)
    return round(_REGISTERS * _REGISTERS / (2 * log(2) * total))


def _sigma(share: float) -> float:
    """Of the share of registers without a mark: Σ share^(2^k) 2^(k-1), and share."""
    if share == 1:
        return float("inf")
    weight, total, before = 1.0, share, -1.0
    while total != before:
        share *= share
        before, total, weight = total, total + share * weight, 2 * weight
    return total


def _tau(share: float) -> float:
    """Of the share of registers that are not full."""
    if share in (0.0, 1.0):
        return 0.0
    weight, total, before = 1.0, 1 - share, -1.0
    while total != before:
        share = sqrt(share)
        weight /= 2
        before, total = total, total - (1 - share) ** 2 * weight
    return total / 3
