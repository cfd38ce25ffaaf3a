"""How far it is, on standard error: rows, rows a second, time left."""

from __future__ import annotations

import sys
import time

_TERMINAL_SECONDS, _LOG_SECONDS = 0.5, 10.0


class Progress:
    """Says something now and then; on a terminal always in the same line.

    Args:
        size: bytes of the input; 0 where nobody knows.
        quiet: say nothing.
    """

    def __init__(self, size: int, quiet: bool) -> None:
        self._size = size
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._started = self._said = time.monotonic()
        self._first: int | None = None

    def tell(self, rows: int, read: int) -> None:
        """So many rows are answered, so many bytes are read."""
        now = time.monotonic()
        if self._first is None:
            self._first = rows
        if not self._is_due(now):
            return
        line = self._line(rows, now)
        if self._size and read:
            share = min(read / self._size, 1.0)
            line += f", {share:.0%}, {_duration((now - self._started) * (1 - share) / share)} left"
        self._say(line)

    def packing(self, rows: int, of: int) -> None:
        """Of all answered rows so many are packed."""
        if self._is_due(time.monotonic()):
            self._say(f"packing: {rows:,} of {of:,} rows, {rows / of:.0%}")

    def end(self, rows: int, errors: int) -> None:
        """The last word."""
        if not self._quiet:
            line = self._line(rows, time.monotonic()) + (f", {errors:,} of them in error" if errors else "")
            print(f"\r\x1b[K{line}" if self._is_terminal else line, file=sys.stderr)

    def _is_due(self, now: float) -> bool:
        """Whether it is time to say something; then it counts as said."""
        if self._quiet or now - self._said < (_TERMINAL_SECONDS if self._is_terminal else _LOG_SECONDS):
            return False
        self._said = now
        return True

    def _say(self, line: str) -> None:
        print(f"\r\x1b[K{line}" if self._is_terminal else line, end="" if self._is_terminal else "\n", file=sys.stderr)

    def _line(self, rows: int, now: float) -> str:
        speed = (rows - (self._first or 0)) / max(now - self._started, 1e-3)
        return f"{rows:,} rows, {speed:,.0f} rows/s"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
