"""The collector with one MongoDB update per push, as the Express.js middleware: for comparison.

Arguments: the URL of MongoDB, the port.
"""

import asyncio
import sys
from collections.abc import Sequence

import uvicorn

from jmmc.core.model import Push, Receipt, Refusal
from jmmc.settings import Settings
from jmmc.stores.mongo.documents import Document, document_id, element, new_document
from jmmc.stores.mongo.store import MongoStore
from jmmc.web.site import create_app


class UpdatePerPushStore(MongoStore):
    """Sends one update command per push; those of a batch run concurrently."""

    async def append(self, pushes: Sequence[Push]) -> list[Receipt | Refusal]:
        return list(await asyncio.gather(*map(self._update, pushes)))

    async def _update(self, push: Push) -> Receipt:
        elements = [element(sample) for sample in push.samples]
        update: Document = {
            "$push": {"m": {"$each": elements}},
            "$setOnInsert": new_document(push, 0, push.samples[0].ts),
        }
        key = {"_id": document_id(push.session, 0)}
        await self.connection.collection().update_one(key, update, upsert=True)
        return Receipt(push.samples[-1].seq)


if __name__ == "__main__":
    url, port = sys.argv[1:]
    settings = Settings.of(store=url, max_pushes_per_minute=0, secret="x")
    app = create_app(settings, store=UpdatePerPushStore(url=url, name="update-per-push"))
    uvicorn.run(app, port=int(port), log_level="error", access_log=False, interface="asgi3")
