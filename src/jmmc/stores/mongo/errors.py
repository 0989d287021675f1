"""Raises the driver's errors as ours, and bounds operations in time."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pymongo
from pymongo.errors import (
    ConfigurationError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from jmmc.core.errors import StoreError, UnusableStore

RETRYABLE_WRITES_REFUSED = 301  # Amazon DocumentDB has no retryable writes.
NAMESPACE_EXISTS = 48
INDEX_CONFLICTS = frozenset({85, 86})  # IndexOptionsConflict, IndexKeySpecsConflict
_UNAUTHORIZED = 13
_AUTHENTICATION_FAILED = frozenset({11, 18, 334})  # UserNotFound and MechanismUnavailable too.
_ATLAS = 8000  # AtlasError: every refusal of Atlas itself, not of MongoDB. Only the text differs.
_REFUSED = frozenset(
    {
        59,  # CommandNotFound
        72,  # InvalidOptions
        73,  # InvalidNamespace
        115,  # CommandNotSupported
        166,  # CommandNotSupportedOnView
        238,  # NotImplemented
        RETRYABLE_WRITES_REFUSED,
        303,  # FeatureNotSupported of Amazon DocumentDB
    }
)
_TEMPORARY = frozenset(
    {
        6,  # HostUnreachable
        7,  # HostNotFound
        24,  # LockTimeout
        46,  # LockBusy
        50,  # MaxTimeMSExpired
        63,  # StaleShardVersion
        64,  # WriteConcernFailed
        89,  # NetworkTimeout
        91,  # ShutdownInProgress
        112,  # WriteConflict
        133,  # FailedToSatisfyReadPreference
        134,  # ReadConcernMajorityNotAvailableYet
        150,  # StaleEpoch
        189,  # PrimarySteppedDown
        202,  # NetworkInterfaceExceededTimeLimit
        234,  # RetryChangeStream
        262,  # ExceededTimeLimit
        9001,  # SocketException
        10107,  # NotWritablePrimary
        11600,  # InterruptedAtShutdown
        11602,  # InterruptedDueToReplStateChange
        13388,  # StaleConfig
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
    }
)
_COMMAND = re.compile(r"not authorized on (\S+) to execute command \{ (\w+): (?:\"([^\"]*)\")?")
PRIMARY_CHANGES = frozenset({91, 189, 10107, 11600, 11602, 13435, 13436})
"""Errors of a server that is the primary no more: another one takes the same command."""

_CONTENT = 200  # Characters of a message: further on it quotes the command, with what it stores.


@contextmanager
def bounded_operation(timeout: float | None, role: str = "readWrite") -> Iterator[None]:
    """Raise errors of the driver as `StoreError`; stop it after `timeout` seconds.

    Raises `UnusableStore`, and says what to change, for what no retry can cure: a wrong
    configuration, a user without the rights of `role`, a command that the server does not have.
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
        raise refusal_of(error, role) from error
    except PyMongoError as error:
        raise StoreError(f"MongoDB: {_short(str(error))}") from error


def refusal(code: int | None, message: str, role: str = "readWrite") -> StoreError:
    """The error for an answer of the server: `UnusableStore` where a retry would fail for ever."""
    if needs_another_user(code, message):
        return UnusableStore(
            f"MongoDB refuses this user: {_first_line(message)}: check user, password and"
            " authSource in the URL"
        )
    if code == _UNAUTHORIZED or (code == _ATLAS and "not allowed" in message):
        what, database = _first_line(message), "the database"
        if command := _COMMAND.match(message):
            database = command[1]
            target = f" on {command[3]}" if command[3] else ""
            what = f"not authorized on {database} to execute {command[2]}{target}"
        return UnusableStore(
            f"MongoDB refuses this user: {what}: grant the role {role} on {database}"
        )
    if code == RETRYABLE_WRITES_REFUSED:
        return UnusableStore(f"MongoDB: {_first_line(message)}: add retryWrites=false to the URL")
    if code in _REFUSED or (code == _ATLAS and "quota" not in message):
        return UnusableStore(
            f"MongoDB refuses a command that jmmc needs: {_first_line(message)} (code {code})"
        )
    return StoreError(f"MongoDB: {message}")


def refusal_of(error: OperationFailure, role: str = "readWrite") -> StoreError:
    """The error for an exception of the driver."""
    return refusal(error.code, _message(error), role)


def is_temporary(error: OperationFailure) -> bool:
    """Whether the same command may succeed later, without a change of server or rights."""
    return (
        error.code in _TEMPORARY
        or isinstance(error, ExecutionTimeout | WTimeoutError)
        or error.has_error_label("RetryableWriteError")
        or error.has_error_label("TransientTransactionError")
    )


def needs_another_user(code: int | None, message: str) -> bool:
    """Whether the server does not accept user and password, or requires them."""
    return (
        code in _AUTHENTICATION_FAILED
        or (code == _ATLAS and message.startswith("bad auth"))
        or (code == _UNAUTHORIZED and "requires authentication" in message)
    )


def reason_of(error: OperationFailure) -> str:
    """Why the server refused a command, in a line without what the command contains."""
    message = _message(error)
    if command := _COMMAND.match(message):
        return f"not authorized on {command[1]} to execute {command[2]}"
    return _first_line(message)


def _first_line(message: str) -> str:
    return message.partition("\n")[0].partition(", full error:")[0][:_CONTENT]


def _short(message: str) -> str:
    """A message of the driver without its list of timeouts."""
    return message.partition(" (configured timeouts:")[0]


def _message(error: OperationFailure) -> str:
    details: Mapping[str, Any] = error.details or {}
    return str(details.get("errmsg") or error)
