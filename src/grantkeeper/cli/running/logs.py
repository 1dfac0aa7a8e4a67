"""Logs: one JSON line for each event, or lines for people; no secret, and no more lines than events (V-20, V-23)."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TextIO

import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

from grantkeeper.errors import InvalidInput, printable, without_secrets
from grantkeeper.web.service.edge import REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from structlog.typing import EventDict, WrappedLogger

FORMATS: Final = ("auto", "json", "console")
LEVELS: Final = ("debug", "info", "warning", "error")

_TEXT: Final = 1200
"""Characters of one text: our longest message with its advice and the provider's words has half."""
_ITEMS: Final = 50
"""Items of a list or a mapping: frames of a traceback are the longest that there is."""
_QUIET: Final = ("uvicorn", "uvicorn.error", "alembic", "sqlalchemy", "httpcore", "httpx", "asyncio")
"""Libraries whose warnings count, and whose chatter does not."""


def configure(*, level: str = "info", form: str = "auto", stream: TextIO | None = None) -> None:
    """Let every logger of this process write to `stream` (stderr by default), by these rules only.

    Raises:
        InvalidInput: there is no such level or format.
    """
    for name, value, known in (("log level", level, LEVELS), ("log format", form, FORMATS)):
        if value not in known:
            raise InvalidInput(f"There is no {name} {printable(value, 20)!r}.", advice=f"One of {', '.join(known)}.")
    stream = sys.stderr if stream is None else stream
    human = form == "console" or (form == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(human=human, colours=human and stream.isatty()))
    root = logging.getLogger()
    for other in root.handlers[:]:
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("grantkeeper").setLevel(level.upper())
    for name in _QUIET:
        quiet = logging.getLogger(name)
        quiet.handlers, quiet.propagate = [], True
        quiet.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # a full disk or a closed pipe stops no token


def _formatter(*, human: bool, colours: bool) -> ProcessorFormatter:
    last: Any = (
        structlog.dev.ConsoleRenderer(colors=colours)
        if human
        else structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=False)
    )
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S" if human else "iso", utc=not human, key="timestamp")
    return ProcessorFormatter(
        foreign_pre_chain=[add_log_level, add_logger_name, ExtraAdder(), stamp, _with_request],
        processors=[ProcessorFormatter.remove_processors_meta, _with_exception, _clean, last],
        use_get_message=True,
    )


def _with_request(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Name the request in whose course it was written."""
    request_id = REQUEST_ID.get()
    if request_id:
        event.setdefault("request_id", request_id)
    return event


def _with_exception(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Put a traceback into the line, without the values of variables."""
    found = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["traceback"] = list(_frames(error))[-_ITEMS:]
    return event


def _frames(error: BaseException) -> Iterator[str]:
    """Yield `file:line function` of each frame, causes first, and how each exception reads."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _frames(cause)
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"{frame.filename}:{frame.lineno} {frame.name}"
    yield f"{type(error).__name__}: {error}"


def _clean(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Leave out what looks like a secret, and what would forge a line or a terminal's screen."""
    front = ("timestamp", "level", "logger", "event")
    ordered = [*(key for key in front if key in event), *(key for key in event if key not in front)]
    return {_text(key): _value(event[key]) for key in ordered}


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {_text(str(key)): _value(each) for key, each in list(value.items())[:_ITEMS]}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(each) for each in list(value)[:_ITEMS]]
    return _text(str(value))


def _text(text: str) -> str:
    return printable(without_secrets(text), _TEXT)
