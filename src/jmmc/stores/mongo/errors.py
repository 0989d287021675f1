"""Raises the driver's errors as ours, and bounds operations in time."""

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
def bounded_operation(timeout: float | None) -> Iterator[None]:
    """Raise errors of the driver as `StoreError`; stop it after `timeout` seconds.

    Raises `UnusableStore` for a wrong configuration and for a user without the rights.
    """
    try:
        with pymongo.timeout(timeout):
            yield
    except ConfigurationError as error:
        raise UnusableStore(f"MongoDB: {error}") from error
    except ServerSelectionTimeoutError as error:
        reason = str(error).partition(", Timeout:")[0]
        raise StoreError(f"MongoDB: no server that takes writes: {_short(reason)}") from error
    except OperationFailure as error:
        if error.code in NOT_ALLOWED:
            raise UnusableStore(f"MongoDB refuses this user: {_message(error)}") from error
        raise StoreError(f"MongoDB: {_message(error)}") from error
    except PyMongoError as error:
        raise StoreError(f"MongoDB: {_short(str(error))}") from error


def _short(message: str) -> str:
    """A message of the driver without its list of timeouts."""
    return message.partition(" (configured timeouts:")[0]


def _message(error: OperationFailure) -> str:
    details: Mapping[str, Any] = error.details or {}
    return str(details.get("errmsg") or error)
