"""The driver's errors as ours, and the limit of time on each operation."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pymongo
from pymongo.errors import (
    ConfigurationError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from jmmc.core.errors import StoreError, UnusableStore

NOT_ALLOWED = frozenset({13, 18})  # Unauthorized, AuthenticationFailed


@contextmanager
def guarded(timeout: float | None) -> Iterator[None]:
    """Raise the driver's errors as ours; the block takes `timeout` seconds at the most."""
    try:
        with pymongo.timeout(timeout):
            yield
    except ConfigurationError as error:
        raise UnusableStore(f"MongoDB: {error}") from error
    except ServerSelectionTimeoutError as error:
        why = str(error).partition(", Timeout:")[0]
        raise StoreError(f"MongoDB: no server that takes writes: {_plain(why)}") from error
    except OperationFailure as error:
        if error.code in NOT_ALLOWED:
            raise UnusableStore(f"MongoDB does not let this user: {_words(error)}") from error
        raise StoreError(f"MongoDB: {_words(error)}") from error
    except PyMongoError as error:
        raise StoreError(f"MongoDB: {_plain(str(error))}") from error


def _plain(words: str) -> str:
    """A message of the driver without what is for its makers."""
    return words.partition(" (configured timeouts:")[0]


def _words(error: OperationFailure) -> str:
    details: Mapping[str, Any] = error.details or {}
    return str(details.get("errmsg") or error)
