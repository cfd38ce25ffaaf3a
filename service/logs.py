"""Structured logs on standard error: JSON lines, or text where a person watches a terminal."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

from service.settings import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object a line; control characters in any value are escaped by the encoding."""

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
        return json.dumps(document, ensure_ascii=False, default=str)


class Text(logging.Formatter):
    """A line for a person: time, level, message, and what else there is as key=value."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line (a traceback follows on lines of its own)."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        extra = " ".join(f"{key}={value}" for key, value in _extra(record).items())
        line = f"{clock} {record.levelname.lower():7} {record.getMessage()} {extra}".rstrip()
        line = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure(settings: Settings) -> None:
    """Send this process's logs to standard error as the settings say."""
    text = sys.stderr.isatty() if settings.log_format == "auto" else settings.log_format == "text"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Text() if text else JsonLines())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for noisy in ("asyncio", "waitress", "granian", "_granian"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}
