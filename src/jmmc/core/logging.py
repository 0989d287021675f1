"""Structured logging: events with a name and fields, one line each.

Events go through the standard library, so an app that mounts a collector handles them as its own.
`set_up` is for the processes of this package: it writes the records of all loggers in one format.

structlog is imported at the first event: the import is a quarter of a command's start-up time,
and most commands log nothing.
"""

import logging
import sys
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

from jmmc.core.text import printable

if TYPE_CHECKING:
    from structlog.processors import LogfmtRenderer
    from structlog.stdlib import BoundLogger
    from structlog.typing import EventDict, Processor

LogFormat = Literal["logfmt", "json"]

_OURS = "jmmc"
_PLAIN = (str, int, float, list, tuple, type(None))


class LogEvent(dict[str, Any]):
    """The name and the fields of an event; as a string, the same text in any handler."""

    def __str__(self) -> str:
        fields = {key: value for key, value in self.items() if key not in ("event", "exc_info")}
        return " ".join(filter(None, (str(self.get("event", "")), _logfmt(fields))))


def logger(name: str) -> "BoundLogger":
    """Return the logger of a module, for `log.warning("store_down", pushes=3)`."""
    return cast("BoundLogger", _LazyLogger(name))


class _LazyLogger:
    """Makes its logger at the first event."""

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, event: str, **fields: Any) -> None:
        """Log an event, or return at once: a refused request must not cost what nobody reads."""
        if logging.getLogger(self._name).isEnabledFor(logging.DEBUG):
            self._logger.debug(event, **fields)

    def __getattr__(self, method: str) -> Any:
        return getattr(self._logger, method)

    @cached_property
    def _logger(self) -> "BoundLogger":
        import structlog
        from structlog.stdlib import BoundLogger, ProcessorFormatter, filter_by_level

        chain: list[Processor] = [
            filter_by_level,
            structlog.contextvars.merge_contextvars,
            _as_event,
            ProcessorFormatter.wrap_for_formatter,
        ]
        wrapped: BoundLogger = structlog.wrap_logger(
            logging.getLogger(self._name),
            processors=chain,
            wrapper_class=BoundLogger,
            context_class=dict,
            cache_logger_on_first_use=True,
        )
        return wrapped


def set_up(level: str, form: LogFormat, stream: TextIO | None = None) -> None:
    """Write log records to `stream` (default: standard error), those of jmmc from `level` on.

    Libraries log from `warning` on: at lower levels they log what clients sent.
    A second call replaces the first.
    """
    from structlog.processors import JSONRenderer, format_exc_info
    from structlog.stdlib import ProcessorFormatter

    handler = logging.StreamHandler(stream or sys.stderr)
    renderer: Processor = JSONRenderer() if form == "json" else _render_logfmt
    handler.setFormatter(ProcessorFormatter(processors=[format_exc_info, _arrange, renderer]))
    root = logging.getLogger()
    root.handlers = [handler]
    number = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(number, logging.WARNING))
    logging.getLogger(_OURS).setLevel(number)


def _as_event(_: Any, __: str, fields: "EventDict") -> "EventDict":
    return LogEvent(fields)


def _arrange(_: Any, __: str, fields: "EventDict") -> "EventDict":
    """Put the event's name first; records of libraries are events named `library`."""
    record: logging.LogRecord = fields.pop("_record")
    ours = fields.pop("_from_structlog")
    at = datetime.fromtimestamp(record.created, UTC)
    event = fields.pop("event")
    extra = {} if ours else {"message": event}
    if "request" in fields:
        extra["request"] = fields.pop("request")
    return {
        "event": event if ours else "library",
        "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        **extra,
        **{
            key: field if isinstance(field, _PLAIN) else str(field) for key, field in fields.items()
        },
    }


def _render_logfmt(_: Any, __: str, fields: "EventDict") -> str:
    return _logfmt(fields)


def _logfmt(fields: "EventDict") -> str:
    return str(_renderer()(None, "", {key: _escape(field) for key, field in fields.items()}))


@cache
def _renderer() -> "LogfmtRenderer":
    from structlog.processors import LogfmtRenderer

    return LogfmtRenderer(bool_as_flag=False)


def _escape(value: object) -> object:
    """Escape what would end a line or move a cursor; the renderer escapes line feeds."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, list | tuple):
        value = ",".join(str(item) for item in value)
    return printable(str(value))
