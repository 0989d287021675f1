"""Where sessions and what is computed from them are kept: SQLite, MongoDB, and a spool before it.

Pushes and selections enter; receipts, sessions, summaries, rollups and small records leave.
`contract.py` says what every store promises; `open_store` makes the one that a URL names.
This package knows nothing of HTTP, of bodies on the wire, or of how a summary is computed.
"""

from jmmc.stores.contract import CLOCK_SKEW, EVERY_PARTITION, SHARES, OnDisk, Reports, Store
from jmmc.stores.factory import configured_store, open_store
from jmmc.stores.lease import Lease

__all__ = [
    "CLOCK_SKEW",
    "EVERY_PARTITION",
    "SHARES",
    "Lease",
    "OnDisk",
    "Reports",
    "Store",
    "configured_store",
    "copy",
    "erasure_receipts",
    "mongo",
    "ndjson",
    "open_store",
    "searchable_names",
    "sqlite",
]
