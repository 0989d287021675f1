"""Stores receipts of erasures as records."""

import secrets
import time
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from jmmc.privacy.receipts import Erasure, ErasureFilter
from jmmc.stores.contract import CLOCK_SKEW, Reports

_KIND = "erasure"
_KEY = "erasure key"


async def erasures(reports: Reports) -> list[Erasure]:
    """All receipts, the latest first."""
    records = await reports.records(_KIND)
    receipts = [msgspec.json.decode(record, type=Erasure) for record in records.values()]
    return sorted(receipts, key=lambda receipt: (-receipt.until, receipt.id))


async def put_erasure(reports: Reports, erasure: Erasure) -> None:
    """Store a receipt, or replace it by what is known now."""
    await reports.put_record(_KIND, erasure.id, msgspec.json.encode(erasure))


async def erasure_key(reports: Reports) -> bytes:
    """The key of the digests in receipts; made when it is first asked for."""
    records = await reports.records(_KEY)
    if not records:
        await reports.put_record(_KEY, "key", msgspec.json.encode(secrets.token_hex(32)))
        records = await reports.records(_KEY)  # Another process may have made one.
    key: str = msgspec.json.decode(records["key"])
    return bytes.fromhex(key)


class ErasureReader:
    """Reads what was erased and may not be stored any more. `clock` gives Unix seconds.

    A receipt from the future was made by a wrong clock. It counts up to when it was first read:
    samples of the participant that are taken later must be stored.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._first_read: dict[str, int] = {}  # Unix seconds, by id of the receipt.

    async def read(self, reports: Reports) -> ErasureFilter:
        """The filter for what was erased. Raises `StoreError`."""
        receipts = await erasures(reports)
        if not receipts:
            return ErasureFilter()
        now = int(self._clock())
        bounded = [self._bounded(receipt, now) for receipt in receipts]
        return ErasureFilter(await erasure_key(reports), bounded)

    def _bounded(self, receipt: Erasure, now: int) -> Erasure:
        if receipt.until <= now + CLOCK_SKEW:
            return receipt
        return replace(receipt, until=self._first_read.setdefault(receipt.id, now))
