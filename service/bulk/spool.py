"""A body on its way from the event loop, which receives it, to the thread that reads it.

Up to a bound it stays in memory. Beyond that the sender waits, unless it can't: a client that sends everything
before it reads anything would wait for ever, so that what it sends goes to a file that has no name.
"""

from __future__ import annotations

import tempfile
import threading
from collections import deque
from collections.abc import Callable
from typing import IO

from service.errors import ApiError

MEMORY = 2**20


def cut_off() -> ApiError:
    """400: the client left, or the connection broke."""
    return ApiError(400, "BODY_CUT_OFF", "The body ended before it was whole.")


class Spool:
    """One writer (`put`, `end`), one reader (`read`), any threads.

    Args:
        taken: called in the reader's thread when there is room again.
    """

    def __init__(self, taken: Callable[[], object] = lambda: None) -> None:
        self.received = 0
        self._taken = taken
        self._changed = threading.Condition()
        self._memory: deque[bytes] = deque()
        self._held = 0
        self._file: IO[bytes] | None = None
        self._file_read = 0
        self._file_written = 0
        self._ended = False
        self._problem: Exception | None = None

    def is_full(self) -> bool:
        """Whether more would go to the file."""
        return self._held >= MEMORY or self._file is not None

    def put(self, data: bytes) -> None:
        """Add a block; nothing after the end."""
        with self._changed:
            if self._ended or not data:
                return
            self.received += len(data)
            if self.is_full():
                if self._file is None:
                    self._file = tempfile.TemporaryFile(prefix="mulgam-bulk-")  # noqa: SIM115 - it lives as long as the spool
                self._file.seek(self._file_written)
                self._file.write(data)
                self._file_written += len(data)
            else:
                self._memory.append(data)
                self._held += len(data)
            self._changed.notify()

    def end(self, problem: Exception | None = None) -> None:
        """There is no more; the reader gets the problem after what came before it."""
        with self._changed:
            if not self._ended:
                self._ended = True
                self._problem = problem
                self._changed.notify()

    def read(self, size: int = 65536) -> bytes:
        """What is there, at most so much; waits for something; b"" at the end. Raises the problem."""
        with self._changed:
            while not (self._memory or self._has_file() or self._ended):
                self._changed.wait()
            data = self._next(size)
        if data:
            self._taken()
        elif self._problem is not None:
            raise self._problem
        return data

    def nudge(self) -> None:
        """Let the writer look again, as after a `read`."""
        self._taken()

    def would_wait(self) -> bool:
        """Whether `read` would have to wait now."""
        with self._changed:
            return not (self._memory or self._has_file() or self._ended)

    def close(self) -> None:
        """Drop what is left: nobody reads any more."""
        with self._changed:
            if not self._ended:
                self._ended = True
                self._problem = cut_off()
            self._memory.clear()
            self._held = 0
            if self._file is not None:
                self._file.close()
                self._file, self._file_read, self._file_written = None, 0, 0
            self._changed.notify()

    def _has_file(self) -> bool:
        return self._file_written > self._file_read

    def _next(self, size: int) -> bytes:
        if self._memory:
            block = self._memory.popleft()
            if 0 <= size < len(block):
                self._memory.appendleft(block[size:])
                block = block[:size]
            self._held -= len(block)
            return block
        if self._file is None or not self._has_file():
            return b""
        self._file.seek(self._file_read)
        data = self._file.read(size if size >= 0 else self._file_written - self._file_read)
        self._file_read += len(data)
        if not self._has_file():
            # Everything was read: memory again, and the disk is free.
            self._file.close()
            self._file, self._file_read, self._file_written = None, 0, 0
        return data
