"""What is logged: events with a name and fields, each on one line.

An event goes through the standard library, so a host app that mounts a collector sees it as it
sees everything else. `set_up` is for our own processes: there everything that anybody logs comes
out in one form, the event's name first.

structlog is imported with the first event: a quarter of the start of a command, and most commands
log nothing.
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
    """A name and fields. In a log that is not set up by us it reads the same."""

    def __str__(self) -> str:
        fields = {key: value for key, value in self.items() if key not in ("event", "exc_info")}
        return " ".join(filter(None, (str(self.get("event", "")), _logfmt(fields))))


def logger(name: str) -> "BoundLogger":
    """The logger of a module: `log.warning("store_down", pushes=3)`."""
    return cast("BoundLogger", _Later(name))


class _Later:
    """Becomes a logger when something is logged."""

    def __init__(self, name: str) -> None:
        self._name = name

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
    """Write what is logged to `stream` (standard error), ours from `level` on.

    Libraries are heard from warnings on: at lower levels they tell what people said to us.
    Calling it again replaces what was set up before.
    """
    from structlog.processors import JSONRenderer, format_exc_info
    from structlog.stdlib import ProcessorFormatter

    handler = logging.StreamHandler(stream or sys.stderr)
    renderer: Processor = JSONRenderer() if form == "json" else _render_logfmt
    handler.setFormatter(ProcessorFormatter(processors=[format_exc_info, _arrange, renderer]))
    root = logging.getLogger()
    root.handlers = [handler]
    least = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(least, logging.WARNING))
    logging.getLogger(_OURS).setLevel(least)


def _as_event(_: Any, __: str, fields: "EventDict") -> "EventDict":
    return LogEvent(fields)


def _arrange(_: Any, __: str, fields: "EventDict") -> "EventDict":
    """What everybody reads first; a sentence of a library is no name of an event."""
    record: logging.LogRecord = fields.pop("_record")
    ours = fields.pop("_from_structlog")
    at = datetime.fromtimestamp(record.created, UTC)
    event = fields.pop("event")
    said = {} if ours else {"message": event}
    if "request" in fields:
        said["request"] = fields.pop("request")
    return {
        "event": event if ours else "library",
        "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        **said,
        **{
            key: field if isinstance(field, _PLAIN) else str(field) for key, field in fields.items()
        },
    }


def _render_logfmt(_: Any, __: str, fields: "EventDict") -> str:
    return _logfmt(fields)


def _logfmt(fields: "EventDict") -> str:
    return str(_renderer()(None, "", {key: _tame(field) for key, field in fields.items()}))


@cache
def _renderer() -> "LogfmtRenderer":
    from structlog.processors import LogfmtRenderer

    return LogfmtRenderer(bool_as_flag=False)


def _tame(value: object) -> object:
    """Nothing that ends a line or moves a cursor; the renderer knows line feeds."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, list | tuple):
        value = ",".join(str(item) for item in value)
    return printable(str(value))
