"""Set-up of structured logs on stderr: lines for people, or JSON for machines."""

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import PurePath
from types import TracebackType
from typing import Any, Literal

import structlog
from structlog.types import EventDict

from indexer.runtime.terminal import printable, printable_lines

_OURS = ("indexer", "search_api", "uvicorn")  # libraries speak up from WARNING, or with DEBUG
_OF_FILES = ("py.warnings", "PIL")
"""Loggers of what libraries find odd in a file or in their caller: thousands of lines for a broken
picture, none of which a person can act on. They are heard with DEBUG only."""


def configure_logging(level: str, log_format: Literal["text", "json"]) -> None:
    """Send every log line, ours and the libraries', to stderr in one format."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _plain,
                *(() if log_format == "json" else (_escape,)),  # JSON escapes by itself
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level if level == "DEBUG" else max(logging.WARNING, logging.getLevelName(level)))
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=True)
    for name in _OF_FILES:
        logging.getLogger(name).setLevel(level if level == "DEBUG" else logging.CRITICAL)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    if log_format == "json":
        sys.excepthook = _log_uncaught
        threading.excepthook = lambda failed: _log_uncaught(
            failed.exc_type, failed.exc_value, failed.exc_traceback
        )


def _plain(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Write enums as their values and paths as text."""
    return {key: _each(_plain_value, value) for key, value in event.items()}


def _escape(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Escape what could command the terminal, such as control characters in file names."""
    traceback = {key: printable_lines(event[key]) for key in ("exception",) if key in event}
    return {key: _each(_escape_value, value) for key, value in event.items()} | traceback


def _each(change: Callable[[Any], Any], value: Any) -> Any:
    """Change a value, or every value within it."""
    if isinstance(value, Mapping):
        return {change(key): _each(change, item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_each(change, item) for item in value]
    return change(value)


def _plain_value(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, PurePath) else value


def _escape_value(value: Any) -> Any:
    return printable(value) if isinstance(value, str) else value


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None
) -> None:
    """Log what nobody caught, which Python would print as many lines of plain text."""
    structlog.get_logger("indexer").critical(
        "uncaught exception", exc_info=(kind, error or kind(), traceback)
    )
