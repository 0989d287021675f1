"""The store on MongoDB: a single server, a replica set or a sharded cluster (extra `mongo`).

`MongoStore` and `MongoReports` keep the contract of `jmmc.stores.contract`; `documents.py` is the
stored form, which the Express.js middleware (dialect v1) shares; `writes.py` plans the writes.
This package knows nothing of SQLite, of HTTP, or of the settings. Nothing imports it by default.
"""

__all__ = ["store"]
