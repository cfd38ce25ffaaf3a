"""Shadow traffic: answered requests are computed once more by another version, whose answers nobody gets.

It has the lowest of all priorities: one request at a time, begun only while none is in flight, with rests that keep its
share of the time small, from a queue that drops what it has no place for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from service.backends.base import Backend
from service.backends.prediction import predict
from service.calls import LOOP_BYTES
from service.metrics.recording import Metrics
from service.protocols.base import Decoded, Output
from service.shadow.disagreement import disagreement
from service.versions.served import Catalogue, Served

log = logging.getLogger(__name__)

MOST_WAITING = 64
MOST_BYTES = 8 * 2**20
# Rests are so many times as long as the work before them: a shadow takes a twentieth of the time at most.
RESTS = 19
_LOOKS, _LOOK_SECONDS = 200, 0.005

Decode = Callable[[Served], Decoded]


@dataclass(slots=True)
class _Job:
    served: Served
    shadow: Served
    decode: Decode
    size: int
    output: Output


class Shadowing:
    """The queue of one process; all methods run on the event loop.

    Args:
        backend: computes.
        metrics: where outcomes are counted; tells whether requests are in flight.
        timeout: seconds that a shadow may take.
    """

    def __init__(self, backend: Backend, metrics: Metrics, timeout: float) -> None:
        self._backend = backend
        self._metrics = metrics
        self._timeout = timeout
        self._shadows: dict[Served, Served] = {}  # by the default
        self._jobs: deque[_Job] = deque()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None

    def follow(self, catalogue: Catalogue) -> Shadowing | None:
        """Serve another set of shadows; itself where there is one, so that nobody else is ever asked."""
        line_ups = catalogue.line_ups.values()
        self._shadows = {one.default: one.shadow for one in line_ups if one.shadow is not None}
        return self if self._shadows else None

    def offer(self, served: Served, decode: Decode, size: int, output: Output) -> None:
        """A request was answered: have it computed by the shadow too, where the default answered. Never raises.

        Args:
            served: the version that answered.
            decode: reads the request by the signature of a version.
            size: of the request, in bytes.
            output: what was answered.
        """
        shadow = self._shadows.get(served)
        if shadow is None:
            return
        size += output.nbytes
        if len(self._jobs) >= MOST_WAITING or self._bytes + size > MOST_BYTES:
            self._metrics.of_shadow(shadow).ended("dropped")
            return
        self._jobs.append(_Job(served, shadow, decode, size, output))
        self._bytes += size
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work(), name="shadow")

    async def _work(self) -> None:
        """Compute what waits, until nothing does."""
        try:
            while self._jobs:
                is_quiet = await self._is_quiet()
                job = self._jobs.popleft()
                self._bytes -= job.size
                started = time.perf_counter()
                is_wanted = is_quiet and self._shadows.get(job.served) is job.shadow
                self._metrics.of_shadow(job.shadow).ended(await self._outcome(job) if is_wanted else "dropped")
                await asyncio.sleep(RESTS * (time.perf_counter() - started))
        finally:
            self._task = None

    async def _is_quiet(self) -> bool:
        """Wait until no request is in flight; False where that takes too long."""
        for _ in range(_LOOKS):
            if not self._metrics.inflight_now:
                return True
            await asyncio.sleep(_LOOK_SECONDS)
        return False

    async def _outcome(self, job: _Job) -> str:
        try:
            output = await self._computed(job)
            apart, agrees = disagreement(job.served, job.output, job.shadow, output)
        except Exception as problem:  # whatever a shadow does must stay its own affair
            log.debug("the shadow of %s failed: %s", job.shadow.name, problem)
            return "failed"
        self._metrics.of_shadow(job.shadow).disagreement.observe(apart)
        return "agreed" if agrees else "disagreed"

    async def _computed(self, job: _Job) -> Output:
        small = job.size <= LOOP_BYTES
        decoded = job.decode(job.shadow) if small else await asyncio.to_thread(job.decode, job.shadow)
        return await predict(job.shadow, decoded.tensors, self._backend, self._timeout)
