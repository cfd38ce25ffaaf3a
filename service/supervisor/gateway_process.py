"""One gateway process as the supervisor sees it: how it is started, what it tells, when it is hung."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from asyncio.subprocess import Process
from pathlib import Path

from service.metrics import files as metric_files
from service.process import status
from service.process.status import Order
from service.settings import Settings, to_environment
from service.supervisor.child import Child
from service.supervisor.overview import Overview

log = logging.getLogger(__name__)

# Beyond its own drain delay and grace: the threads, the backend, the interpreter.
EXIT_SECONDS = 3.0
# A loop that has been silent for so long will not come back: its share of the connections hangs with it.
HUNG_SECONDS = 10.0


class GatewayProcess:
    """Starts one gateway and listens to it.

    Args:
        index: its place among the gateways, for log and overview.
        settings: of the service.
        order: what it is started with.
        torchserve: TorchServe's inference socket; None computes in the gateway.
        overview: where its word is kept.
    """

    def __init__(
        self, index: int, settings: Settings, order: Order, torchserve: Path | None, overview: Overview
    ) -> None:
        self._index = index
        self._settings = settings
        self._overview = overview
        self._torchserve = torchserve
        self._settled = self._newest = order
        self._process: Process | None = None
        self._launched = time.monotonic()
        self._listening: set[asyncio.Task[None]] = set()
        self.child = Child(f"gateway {index + 1}", self._launch, settings.drain_delay + settings.grace + EXIT_SECONDS)

    def send(self, order: Order) -> None:
        """Have it serve other versions; it tells when it does."""
        self._newest = order
        if self._process is not None and self._process.returncode is None and self._process.stdin is not None:
            self._process.stdin.write(order.to_line())

    def settle(self, order: Order) -> None:
        """What every gateway came to serve: a process that is started anew begins with it."""
        self._settled = self._newest = order

    async def watch(self) -> None:
        """Kill the process whenever it is hung; its `Child` starts it anew."""
        while True:
            await asyncio.sleep(1.0)
            told = self._overview.statuses[self._index].at
            # Until its first word a process may be loading models.
            limit = HUNG_SECONDS if told > self._launched else self._settings.startup_timeout
            if time.monotonic() - max(told, self._launched) > limit:
                log.error("%s has been silent for %g s; killing it", self.child.name, limit)
                self._launched = time.monotonic()
                self.child.kill()

    async def _launch(self) -> Process:
        reading, writing = os.pipe()
        first = self._settled.defaults()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "service.gateway",
                "--serve", ",".join(f"{model}:{choice.default}" for model, choice in first.choices.items()),
                "--generation", str(first.generation),
                *(() if self._torchserve is None else ("--torchserve", str(self._torchserve))),
                "--status-fd", str(writing),
                env={**os.environ, **to_environment(self._settings)},
                stdin=asyncio.subprocess.PIPE,
                pass_fds=(writing,),
                start_new_session=True,
            )  # fmt: skip
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._launched = time.monotonic()
        self._process = process
        if self._newest != first:
            self.send(self._newest)
        task = asyncio.get_running_loop().create_task(self.listen(reading, process.pid))
        self._listening.add(task)
        task.add_done_callback(self._listening.discard)
        return process

    async def listen(self, descriptor: int, pid: int) -> None:
        """Take in what the process tells, until it ends; then its word counts no more."""
        reader = asyncio.StreamReader()
        pipe = os.fdopen(descriptor, "rb")
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        statuses = self._overview.statuses
        try:
            while line := await reader.readline():
                with contextlib.suppress(ValueError):  # the last line of a process that was killed in it
                    statuses[self._index] = status.from_line(line)
        finally:
            transport.close()
            metric_files.forget(pid)
            statuses[self._index] = status.Status(at=statuses[self._index].at - status.STALE_SECONDS)
