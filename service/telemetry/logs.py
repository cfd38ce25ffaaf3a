"""Structured logs on standard error: JSON lines, or text where a person watches a terminal."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

from service.settings import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object a line; what does not print is escaped in every value."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        document: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            document["traceback"] = self.formatException(record.exc_info)
        return _printable(json.dumps(document, ensure_ascii=False, default=str), lambda one: json.dumps(one)[1:-1])


class Text(logging.Formatter):
    """A line for a person: time, level, message, and what else there is as key=value."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line (a traceback follows on lines of its own)."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        extra = " ".join(f"{key}={value}" for key, value in _extra(record).items())
        line = f"{clock} {record.levelname.lower():7} {record.getMessage()} {extra}".rstrip()
        lines = [line, *(self.formatException(record.exc_info).split("\n") if record.exc_info else ())]
        return "\n".join(_printable(one, lambda character: ascii(character)[1:-1]) for one in lines)


def configure(settings: Settings) -> None:
    """Send this process's logs to standard error as the settings say."""
    text = sys.stderr.isatty() if settings.log_format == "auto" else settings.log_format == "text"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Text() if text else JsonLines())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for noisy in ("asyncio", "waitress"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _printable(line: str, escape: Callable[[str], str]) -> str:
    """The line without characters that end it, move a terminal's cursor or turn the order of the text."""
    if line.isprintable():
        return line
    return "".join(character if character.isprintable() else escape(character) for character in line)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}
