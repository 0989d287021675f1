"""The embedded store: one SQLite file, written by one thread and read by another.

`SqliteStore` and `SqliteReports` keep the contract of `jmmc.stores.contract`; `backup.py` copies
the file, `recovery.py` reads a damaged one, `schema/` has the numbered migrations.
This package knows nothing of MongoDB, of HTTP, or of the settings.
"""

__all__ = ["backup", "compacting", "store"]
