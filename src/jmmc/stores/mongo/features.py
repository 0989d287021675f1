"""What jmmc uses where the server has it, and does without where the server refuses it.

Hosted databases (the shared tiers of Atlas, Amazon DocumentDB, FerretDB) and users with few rights
refuse some commands and options, each with a code of its own.
"""

from collections.abc import Awaitable

from pymongo.errors import OperationFailure

from jmmc.core.logging import logger
from jmmc.stores.mongo.errors import (
    INDEX_CONFLICTS,
    is_temporary,
    needs_another_user,
    reason_of,
)

_log = logger(__name__)


class OptionalFeatures:
    """The features that the server of one connection refused; each is logged once.

    `refused` has the reason by feature.
    """

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}

    async def attempt(self, feature: str, request: Awaitable[object]) -> bool:
        """Await a request for `feature`, and return whether the server did it.

        Raises `OperationFailure` for what is no refusal of the feature: a server that cannot now,
        a user that it does not know, or an index of that name that somebody else has made.
        """
        try:
            await request
        except OperationFailure as error:
            refused = error.code not in INDEX_CONFLICTS and not is_temporary(error)
            if not refused or needs_another_user(error.code, str(error)):
                raise
            self.do_without(feature, reason_of(error))
            return False
        return True

    def do_without(self, feature: str, reason: str) -> None:
        """Note that the server refuses `feature`."""
        if feature not in self.refused:
            self.refused[feature] = reason
            _log.info("mongo_feature_refused", feature=feature, why=reason)
