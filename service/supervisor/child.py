"""One supervised process: started in a session of its own, restarted with back-off, stopped with its group."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
# A process that ran this long was well: its next death starts the back-off anew.
STABLE_SECONDS = 30.0


class Child:
    """Keeps one process running.

    Args:
        name: for the log.
        launch: starts the process with `start_new_session=True`.
        grace: seconds between SIGTERM and SIGKILL when it is stopped.
    """

    def __init__(self, name: str, launch: Callable[[], Awaitable[Process]], grace: float) -> None:
        self.name = name
        self._launch = launch
        self._grace = grace
        self._process: Process | None = None
        self._stop = asyncio.Event()
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The process id, None before the first start."""
        return None if self._process is None else self._process.pid

    async def run_once(self) -> int:
        """Start it and wait for its end; returns the exit status."""
        self._process = await self._launch()
        log.debug("started %s", self.name, extra={"pid": self._process.pid})
        if self._stop.is_set():  # told so while it was being launched
            self._kill_group()
        code = await self._process.wait()
        self._kill_group()
        return code

    async def keep(self) -> None:
        """Run it for ever, with growing pauses between deaths; returns once it was told to stop."""
        deaths = 0
        while not self._stop.is_set():
            started = time.monotonic()
            code = await self.run_once()
            if self._stop.is_set():
                return
            deaths = 0 if time.monotonic() - started > STABLE_SECONDS else deaths + 1
            pause = BACKOFF_SECONDS[min(deaths, len(BACKOFF_SECONDS) - 1)]
            self.restarts += 1
            log.error("%s ended (%s); restarting in %g s", self.name, describe_exit(code), pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)

    def send(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def stop(self, number: int = signal.SIGTERM) -> None:
        """The signal, time to finish, then SIGKILL to whatever is left of its session."""
        self._stop.set()
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            self.send(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self._grace)
        self._kill_group()
        await process.wait()

    def kill(self) -> None:
        """SIGKILL to its whole session; `keep` starts it anew."""
        self._kill_group()

    def _kill_group(self) -> None:
        """What a dead process leaves behind in its session must not outlive it."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def describe_exit(code: int) -> str:
    """An exit status in words."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit status {code}"
