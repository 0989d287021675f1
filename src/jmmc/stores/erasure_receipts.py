"""Receipts of erasures, as a store keeps them."""

import secrets

import msgspec

from jmmc.privacy.receipts import Erasure, ErasureFilter
from jmmc.stores.contract import Reports

_KIND = "erasure"
_KEY = "erasure key"


async def erasures(reports: Reports) -> list[Erasure]:
    """All receipts, the latest first."""
    found = [
        msgspec.json.decode(record, type=Erasure)
        for record in (await reports.records(_KIND)).values()
    ]
    return sorted(found, key=lambda row: (-row.until, row.id))


async def put_erasure(reports: Reports, erasure: Erasure) -> None:
    """Keep a receipt, or what is known of it by now."""
    await reports.put_record(_KIND, erasure.id, msgspec.json.encode(erasure))


async def erasure_key(reports: Reports) -> bytes:
    """The key of the digests in receipts, made at the first erasure."""
    if not await reports.records(_KEY):
        await reports.put_record(_KEY, "key", msgspec.json.encode(secrets.token_hex(32)))
    found: str = msgspec.json.decode((await reports.records(_KEY))["key"])
    return bytes.fromhex(found)


async def forgotten(reports: Reports) -> ErasureFilter:
    """What may not be stored any more."""
    found = await erasures(reports)
    return ErasureFilter(await erasure_key(reports), found) if found else ErasureFilter()
