"""Logs: JSON lines in production, readable ones on a terminal; never a secret.

Every line carries the process name, and inside a request its id, from the edge to a database error.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import orjson
import structlog

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_SECRET_NAMES: Final = re.compile(r"password|secret|token|authorization|cookie|api_?key", re.IGNORECASE)
_SECRET_VALUES: Final = re.compile(
    r"(?<=://)[^/\s]+(?=@)"  # user:password of a URL; the password may hold an @
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JWT
    r"|(?<=bearer )\S+"
    r"|\$argon2\w+\$\S+",
    re.IGNORECASE,
)


def configure(process: str, *, level: str, as_json: bool, extra: Mapping[str, Any] | None = None) -> None:
    """Set up logging of this process: our own lines, and those of libraries at warning and above."""
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,  # text, before masking: a traceback may quote a secret
        _mask,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(serializer=lambda value, **_: orjson.dumps(value, default=str).decode())
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(process=process, **(extra or {}))
    logging.basicConfig(handlers=[_Forward()], level=logging.WARNING, force=True)


def mask(value: Any) -> Any:
    """The value with secrets inside its text replaced by `***`."""
    if isinstance(value, str):
        return _SECRET_VALUES.sub("***", value)
    if isinstance(value, dict):
        return {k: "***" if _SECRET_NAMES.search(str(k)) else mask(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask(v) for v in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    # an exception, a URL, bytes: what a renderer would make of it, before it does
    return mask(str(value))


class _Forward(logging.Handler):
    """Lines of libraries that use the standard logging, through our processors."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger(record.name)
        logger.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key not in ("level", "timestamp"):
            event[key] = "***" if _SECRET_NAMES.search(key) else mask(value)
    return event
