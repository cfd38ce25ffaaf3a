"""The answer's way from a thread to the socket, with the pressure of a slow reader felt in the thread.

Granian's stream takes whatever it is given into memory; a file it reads only as fast as the client does. So the
answer goes through a named pipe: written here, read there.
"""

from __future__ import annotations

import errno
import os
import select
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from service.bulk.window import Window

_OPENING_SECONDS = 10.0


class ReaderGone(Exception):
    """The client left, or reads too slowly to be waited for."""


class Pipe:
    """A named pipe that one thread writes and granian reads.

    Args:
        window: the least speed at which the client must read.
        waits: told True while the client is waited for, False afterwards.
        received: the bytes that have come from the client; one that still sends may not be reading yet.
    """

    def __init__(self, window: Window, waits: Callable[[bool], None], received: Callable[[], int]) -> None:
        self._window = window
        self._waits = waits
        self._received = received
        self._received_before = 0
        self._folder = tempfile.TemporaryDirectory(prefix="mulgam-bulk-")
        self.path = str(Path(self._folder.name, "answer"))
        os.mkfifo(self.path, 0o600)
        self._descriptor: int | None = None

    def open(self) -> None:
        """Wait until it is being read; raises ReaderGone where nobody comes."""
        deadline = time.monotonic() + _OPENING_SECONDS
        while self._descriptor is None:
            try:
                self._descriptor = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as problem:
                if problem.errno != errno.ENXIO or time.monotonic() > deadline:
                    raise ReaderGone from problem
                time.sleep(0.001)
        self._poller = select.poll()
        self._poller.register(self._descriptor, select.POLLOUT)
        self._folder.cleanup()

    def write(self, data: bytes) -> None:
        """All of it, at the client's speed; raises ReaderGone."""
        assert self._descriptor is not None
        view = memoryview(data)
        while view:
            try:
                written = os.write(self._descriptor, view)
                view = view[written:]
                self._window.is_too_slow(0.0, written)
            except BlockingIOError:
                self._wait()
            except BrokenPipeError as problem:
                raise ReaderGone from problem

    def close(self) -> None:
        """The answer ends here."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._folder.cleanup()

    def _wait(self) -> None:
        started = time.monotonic()
        self._waits(True)
        self._poller.poll(max(self._window.left, 0.001) * 1000)
        self._waits(False)
        received = self._received()
        came, self._received_before = received - self._received_before, received
        if self._window.is_too_slow(time.monotonic() - started, came):
            raise ReaderGone

    def __enter__(self) -> Pipe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
