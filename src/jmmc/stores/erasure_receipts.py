"""Stores receipts of erasures as records."""

import secrets

import msgspec

from jmmc.privacy.receipts import Erasure, ErasureFilter
from jmmc.stores.contract import Reports

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


async def forgotten(reports: Reports) -> ErasureFilter:
    """The filter for what was erased and may not be stored any more."""
    receipts = await erasures(reports)
    return ErasureFilter(await erasure_key(reports), receipts) if receipts else ErasureFilter()
