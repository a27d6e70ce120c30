"""Logs: JSON lines in production, readable ones on a terminal, JSON lines in files where wanted; never a secret.

Every line carries the process name, and inside a request its id, from the edge to a database error.
"""

import json
import logging
import re
import sys
import threading
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from shared.logfiles import LogFiles

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_SECRET_NAMES: Final = re.compile(r"password|secret|token|authorization|cookie|api_?key", re.IGNORECASE)
_SECRET_VALUES: Final = re.compile(
    r"(?<=://)[^/\s]+(?=@)"  # user:password of a URL; the password may hold an @
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JWT
    r"|(?<=bearer )\S+"
    r"|\bcon_\d+_\w+"  # an application's key
    r"|\$argon2\w+\$\S+",
    re.IGNORECASE,
)
_SIGNS: Final = ("://", "eyj", "bearer ", "con_", "$argon2")
_ERRORS: Final = ("error", "critical")
_LAST_WORDS_WITHIN_S: Final = 0.5


def configure(
    process: str,
    *,
    level: str,
    as_json: bool,
    extra: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> LogFiles | None:
    """Set up logging of this process: our own lines, and those of libraries at warning and above.

    With a `folder` every line goes into log files there, too, as JSON (shared/logfiles.py). Raises OSError when they
    cannot be made; later trouble with them stops nothing. They are returned, and closed by themselves at the end.
    """
    files = LogFiles(folder, _file_name(process)) if folder else None
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,  # text, before masking: a traceback may quote a secret
        _mask,
        *([_Filing(files)] if files else []),
        _as_json if as_json else _readable(),
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_Line,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(process=process, **(extra or {}))
    logging.basicConfig(handlers=[_Forward()], level=logging.WARNING, force=True)
    return files


def mask(value: Any) -> Any:
    """The value with secrets inside its text replaced by `***`."""
    if isinstance(value, str):
        lower = value.lower()
        # most values hold no sign of a secret: seeing that is a tenth of the work of looking for one
        return _SECRET_VALUES.sub("***", value) if any(sign in lower for sign in _SIGNS) else value
    if isinstance(value, dict):
        return {k: "***" if _is_telling(str(k)) else mask(v) for k, v in value.items()}
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
            event[key] = "***" if _is_telling(key) else mask(value)
    return event


@lru_cache(maxsize=512)
def _is_telling(name: str) -> bool:
    return _SECRET_NAMES.search(name) is not None


def _as_json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    if isinstance(event, _Written):
        return event.line
    try:
        return orjson.dumps(event, default=str).decode()
    except TypeError:  # half a character, or a number beyond 64 bits: no reason to lose the line, or the request
        return json.dumps(event, default=str)


class _Written(dict[str, Any]):
    """An event with the line that was already made of it, so that it is made once."""

    line: str


class _Filing:
    """The step of a line into the files."""

    def __init__(self, files: LogFiles) -> None:
        self._files = files

    def __call__(self, logger: "_Line", _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        written = _Written(event)
        written.line = _as_json(logger, _method, event)
        level = event["level"]
        is_error = level in _ERRORS
        self._files.put(
            f"{written.line}\n".encode(), is_access=logger.name == "access" and not is_error, is_error=is_error
        )
        if level == "critical":
            # the process is about to end, perhaps without another word; but no disk may keep it
            self._files.flush(_LAST_WORDS_WITHIN_S)
        return written


class _Line:
    """Writes lines to the standard output. One that cannot be written is lost: no request fails for it."""

    _lock = threading.Lock()

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        with self._lock, suppress(OSError):
            try:
                sys.stdout.write(f"{line}\n")
            except UnicodeEncodeError:
                sys.stdout.write(line.encode("ascii", "backslashreplace").decode() + "\n")
            sys.stdout.flush()

    debug = info = warning = error = critical = exception = log = msg


def _readable() -> Any:
    return structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )


def _file_name(process: str) -> str:
    """`api-3000` of `api:3000`."""
    return re.sub(r"[^\w.-]+", "-", process)
