"""The gateway's side: threads hand large work to the worker, one after another, and wait for it."""

from __future__ import annotations

import logging
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from service.errors import backend_late, too_busy
from service.offload import frames
from service.versions.served import Served

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# The worker's memory, some 50 MB, is given back where large bodies are rare.
IDLE_SECONDS = 300.0
# After a worker could not be started: until then work is done in its own thread.
RESTART_SECONDS = 10.0
# It reads or writes nothing for so long, or owes an answer: it hangs.
STALL_SECONDS = 10


class _HungError(Exception):
    """The worker still owes an answer that was asked for long ago."""


class Offload:
    """Calls functions in the worker, which is there only while there is work for it.

    A function, its arguments and its result must pickle. Safe to call from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._not_before = 0.0

    def run(self, served: Served | None, timeout: float, function: Callable[..., Result], *arguments: Any) -> Result:
        """What the function returns in the worker; here, where none can be started.

        Args:
            served: the version among the arguments, if there is one.
            timeout: seconds for it, with those before it.
            function: of a module, as are all that it is made of.
            arguments: of it; bytes as such go uncopied, not those within another.

        Raises:
            ApiError: 504 where it took longer, 503 where the worker died of it.
            Exception: what the function raises.
        """
        deadline = time.monotonic() + timeout
        if not self._lock.acquire(timeout=timeout):
            raise backend_late(timeout)
        try:
            worker = self._ready(deadline, timeout)
            if worker is not None:
                return self._called(worker, served, deadline, timeout, function, arguments)
        finally:
            self._lock.release()
        return function(*arguments)

    def tidy(self) -> None:
        """End a worker that has had nothing to do for long; to be called now and then."""
        if self._lock.acquire(blocking=False):
            try:
                if self._worker is not None and time.monotonic() - self._worker.used > IDLE_SECONDS:
                    self._end()
            finally:
                self._lock.release()

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            self._end()

    def _started(self) -> _Worker | None:
        if self._worker is not None and self._worker.is_gone():
            self._end()
        if self._worker is None and time.monotonic() >= self._not_before:
            try:
                self._worker = _Worker()
            except OSError as problem:
                self._put_off(problem)
        return self._worker

    def _put_off(self, why: object) -> None:
        self._not_before = time.monotonic() + RESTART_SECONDS
        log.warning("no process for large bodies: %s; they are parsed in this one", why)

    def _ready(self, deadline: float, timeout: float) -> _Worker | None:
        """The worker, with nothing left to do for others; None where none can be started."""
        while (worker := self._started()) is not None:
            try:
                worker.settle(deadline)
            except TimeoutError:
                raise backend_late(timeout) from None
            except (_HungError, EOFError, OSError):
                code = self._end()
                if worker.has_started:
                    log.error("the process for large bodies hung or died (%s); it is started anew", code)
                else:
                    self._put_off(f"it ends as it starts ({code})")
            else:
                break
        return worker

    def _called(
        self, worker: _Worker, served: Served | None, deadline: float, timeout: float,
        function: Callable[..., Result], arguments: tuple[Any, ...],
    ) -> Result:  # fmt: skip
        try:
            result, problem = worker.call(served, deadline, function, arguments)
        except TimeoutError:
            # It goes on: to end it would cost the next caller its start, and an impatient one could do so for ever.
            raise backend_late(timeout) from None
        except (EOFError, OSError):
            log.error("the process for large bodies died (%s); it is started anew", self._end())
            raise too_busy() from None
        except Exception:
            # Nobody knows what of the question it was told.
            self._end()
            raise
        if problem is not None:
            raise problem
        return result  # type: ignore[no-any-return]

    def _end(self) -> int | None:
        worker, self._worker = self._worker, None
        return worker.end() if worker is not None else None


class _Worker:
    """The process and the connection to it; raises OSError where it can't be started."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                command = [sys.executable, "-m", "service.offload.worker", str(theirs.fileno())]
                self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
            except OSError:
                ours.close()
                raise
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            ours.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", STALL_SECONDS, 0))
        self._connection = Connection(ours.detach())
        self._known = frames.Known()
        self.used = self._asked = time.monotonic()
        # An answer that nobody waits for any more; at first its word that it has started.
        self._owes = True
        self.has_started = False

    def is_gone(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def call(
        self, served: Served | None, deadline: float, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> tuple[Any, Exception | None]:
        """What the function returned and what it raised; raises TimeoutError, or EOFError or OSError: it is gone."""
        self._asked = time.monotonic()
        if served is not None and served not in self._known:
            self._known.add(served)
            self._connection.send(served)
        else:
            self._connection.send(None)
        frames.send(self._connection, (function, tuple(map(frames.uncopied, arguments))))
        self._owes = True
        if not self._connection.poll(max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        return self._received()

    def settle(self, deadline: float) -> None:
        """Wait for what it owes to callers that are gone; raises as `call`, and _HungError."""
        if not self._owes:
            return
        hung = self._asked + STALL_SECONDS
        if self._connection.poll(max(0.0, min(deadline, hung) - time.monotonic())):
            self._received()
        elif hung <= deadline:
            raise _HungError("it owes an answer")
        else:
            raise TimeoutError

    def _received(self) -> tuple[Any, Exception | None]:
        outcome: tuple[Any, Exception | None] = frames.receive(self._connection, self._known)
        self._owes, self.has_started = False, True
        self.used = time.monotonic()
        return outcome

    def end(self) -> int:
        """Its exit code, or the signal that ended it. It has nothing to lose, and may hang: it is not asked to go."""
        self._connection.close()
        self._process.kill()
        return self._process.wait()
