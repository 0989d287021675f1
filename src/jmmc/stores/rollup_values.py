"""Decodes the values of rollups from JSON: all of them, or a single one."""

import msgspec
from msgspec import Raw

from jmmc.quality.joins import JoinSums
from jmmc.quality.rollups import Rollup, Sums

Values = tuple[Raw, Raw, Raw]
"""The JSON of a rollup's values, of their replicates and of their joins, each by value."""

_BY_VALUE = msgspec.json.Decoder(dict[str, Raw])
_VALUES = msgspec.json.Decoder(dict[str, tuple[Sums, ...]])
_REPLICATES = msgspec.json.Decoder(dict[str, tuple[int, ...]])
_JOINS = msgspec.json.Decoder(dict[str, JoinSums])
_SUMS_OF_ONE = msgspec.json.Decoder(tuple[Sums, ...])
_REPLICATES_OF_ONE = msgspec.json.Decoder(tuple[int, ...])
_JOINS_OF_ONE = msgspec.json.Decoder(JoinSums)


def rollup_of(
    length: int, start: int, dimension: str, stored: Values, value: str | None = None
) -> Rollup:
    """The rollup with these values, or with only one of them: a fifth of the time."""
    values, replicates, joins = stored
    if value is None:
        return Rollup(
            length,
            start,
            dimension,
            _VALUES.decode(values),
            _REPLICATES.decode(replicates),
            _JOINS.decode(joins),
        )
    of_value, packed, joins_of_value = (_BY_VALUE.decode(content).get(value) for content in stored)
    return Rollup(
        length,
        start,
        dimension,
        {} if of_value is None else {value: _SUMS_OF_ONE.decode(of_value)},
        {} if packed is None else {value: _REPLICATES_OF_ONE.decode(packed)},
        {} if joins_of_value is None else {value: _JOINS_OF_ONE.decode(joins_of_value)},
    )
