"""A gateway process's line to its supervisor: it tells its state, and takes orders what to serve."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from service.plane import DataPlane
from service.process import status
from service.process.ending import Ending
from service.process.following import adopt
from service.telemetry.refusals import refusals

log = logging.getLogger(__name__)


class Line:
    """Both directions: a pipe that it writes to, and standard input.

    Args:
        descriptor: of the pipe.
        generation: of the plan that it was started with.
    """

    def __init__(self, descriptor: int, generation: int) -> None:
        self._descriptor = descriptor
        self._generation = generation
        self._refused: dict[str, str] = {}
        self._is_losing = False

    async def report(self, plane: DataPlane, ending: Ending) -> None:
        """Bring the metrics up to date and tell the state; when nobody reads any more, the supervisor is gone: end."""
        os.set_blocking(self._descriptor, False)
        while True:
            self._flush(plane)
            refusals.sum_up()
            try:
                os.write(self._descriptor, status.to_line(self._status(plane)))
            except BlockingIOError:
                pass
            except OSError:
                log.error("the supervisor is gone; stopping")
                ending.hurry()
                return
            await asyncio.sleep(status.INTERVAL_SECONDS)

    def _flush(self, plane: DataPlane) -> None:
        """Without room for figures requests are served all the same; said once for as long as it stays so."""
        try:
            plane.flush()
        except OSError as problem:
            if not self._is_losing:
                log.error("figures are lost: %s", problem)
            self._is_losing = True
        else:
            self._is_losing = False

    def _status(self, plane: DataPlane) -> status.Status:
        broken = [served.name for served in plane.catalogue if plane.breakers.of(served).is_open]
        trials = {(one.name, one.version): plane.trial(one) for one in plane.catalogue.trials}
        held = list(plane.held_versions())
        return status.Status(plane.readiness.states, 0.0, self._generation, self._refused, broken, held, trials)

    async def obey(self, plane: DataPlane) -> None:
        """Carry out the orders that come on standard input, one after the other; never returns."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        registry = plane.settings.models
        while line := await reader.readline():
            order = status.Order.from_line(line)
            self._refused = await adopt(plane, registry, order.choices, plane.runtime)
            self._generation = order.generation
            plane.metrics.generation.set(order.generation)
        await asyncio.Event().wait()  # the supervisor is gone; `report` ends the process
