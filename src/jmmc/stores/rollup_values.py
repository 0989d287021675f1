"""Decodes the values of rollups from JSON: all of them, or a single one."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from jmmc.quality.joins import Joins, JoinSums
from jmmc.quality.rollups import Rollup, Sums

Values = tuple[Raw, Raw, Raw]
"""The JSON of a rollup's values, of their replicates and of their joins, each by value."""


class _Counts(Struct, array_like=True, gc=False):
    """The beginning of `JoinSums`."""

    counts: Joins = Joins()


_BY_VALUE = msgspec.json.Decoder(dict[str, Raw])
_VALUES = msgspec.json.Decoder(dict[str, tuple[Sums, ...]])
_REPLICATES = msgspec.json.Decoder(dict[str, tuple[int, ...]])
_JOINS = msgspec.json.Decoder(dict[str, JoinSums])
_SUMS_OF_ONE = msgspec.json.Decoder(tuple[Sums, ...])
_REPLICATES_OF_ONE = msgspec.json.Decoder(tuple[int, ...])
_PLAIN_SUMS = msgspec.json.Decoder(dict[str, list[tuple[int, ...]]])
_PLAIN_SUMS_OF_ONE = msgspec.json.Decoder(list[tuple[int, ...]])
_COUNTS = msgspec.json.Decoder(dict[str, _Counts])
_COUNTS_OF_ONE = msgspec.json.Decoder(_Counts)
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


def rollup_without_details(
    length: int, start: int, dimension: str, stored: Values, value: str | None = None
) -> Rollup:
    """The rollup with one sum for each value, without replicates, and with the counts of joins."""
    values, _, joins = stored
    if value is None:
        sums = _PLAIN_SUMS.decode(values)
        counts = _COUNTS.decode(joins)
    else:
        of_value, joins_of_value = (
            _BY_VALUE.decode(content).get(value) for content in (values, joins)
        )
        sums = {} if of_value is None else {value: _PLAIN_SUMS_OF_ONE.decode(of_value)}
        counts = {} if joins_of_value is None else {value: _COUNTS_OF_ONE.decode(joins_of_value)}
    return Rollup(
        length,
        start,
        dimension,
        {name: (_one_sum(parts, start),) for name, parts in sums.items()},
        {},
        {name: JoinSums(of_name.counts) for name, of_name in counts.items()},
    )


def _one_sum(parts: Sequence[Sequence[int]], start: int) -> Sums:
    """The total of sums in their stored form; of the most at once, the most."""
    _, *columns = zip(*parts, strict=True)
    return Sums(start, *map(sum, columns[:5]), *map(max, columns[5:]))
