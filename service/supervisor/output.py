"""TorchServe's output: warnings go to the log, the last lines are kept for the case that it does not come up."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

log = logging.getLogger("torchserve")

KEPT_LINES = 20


class Output:
    """What a process printed."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)

    async def relay(self, stream: asyncio.StreamReader) -> None:
        """Pass on what comes until it ends; all but warnings is detail."""
        while line := await _line(stream):
            text = line.decode("utf-8", "replace").rstrip()
            self._lines.append(text)
            level = logging.WARNING if text.startswith(("WARN ", "ERROR ", "FATAL ")) else logging.DEBUG
            log.log(level, "%s", text)

    def last_words(self) -> str:
        """The last lines, indented under a heading; nothing where nothing was said."""
        if not self._lines:
            return ""
        return "\nTorchServe's last lines:\n  " + "\n  ".join(self._lines)


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line; of one beyond the stream's limit, as much as there is."""
    try:
        return await stream.readline()
    except ValueError:
        return b"(a line too long to keep)"
