"""Natural batching: what is queued when a lane is free goes to the backend in one call, without an idle wait.

The first request of a quiet moment runs at once; those that come meanwhile leave together. Bounded in
requests, each with its deadline on the monotonic clock; a caller that leaves takes nothing with it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import numpy as np

from mulgam.encoding import Arrays
from service.errors import BackendError, backend_late, too_busy
from service.protocols.base import Output
from service.trace import Trace, current

# Runs one batch within a time; raises BackendError.
Run = Callable[[Arrays, float], Awaitable[Output]]


@dataclass(slots=True, eq=False)
class _Job:
    tensors: Arrays
    rows: int
    since: float
    deadline: float
    done: asyncio.Future[Output]
    trace: Trace | None


class Batcher:
    """The queue in front of one model.

    Args:
        run: computes one batch.
        workers: batches that are computed at a time; as many begin as soon as anything waits.
        lanes: batches under way at a time, those included that lie ready for a worker. Such a one begins only when as
            many requests wait as the smallest has: a small batch more would cost a call and save nobody time.
        max_rows: rows of one batch, beyond which no further request joins it.
        max_waiting: requests in the queue, beyond which a new one is refused with 503.
        waited: told the seconds that each request spent in the queue.
        refused: told of each request that the queue has no place for.
    """

    def __init__(
        self,
        run: Run,
        workers: int,
        lanes: int,
        max_rows: int,
        max_waiting: int,
        waited: Callable[[float], None],
        refused: Callable[[], object],
    ) -> None:
        self._run = run
        self._waited = waited
        self._refused = refused
        self._workers = workers
        self._lanes = lanes
        self._max_rows = max_rows
        self._max_waiting = max_waiting
        self._queue: deque[_Job] = deque()
        self._scheduled = False
        self._running: dict[asyncio.Task[None], int] = {}  # with its number of requests

    async def submit(self, tensors: Arrays, rows: int, timeout: float) -> Output:
        """This request's part of a batch.

        Raises:
            ApiError: 503 where the queue is full.
            BackendError: 502, 503, or 504 when the timeout passed, in the queue or in the backend.
        """
        if len(self._queue) >= self._max_waiting:
            self._refused()
            raise too_busy()
        loop = asyncio.get_running_loop()
        now = loop.time()
        job = _Job(tensors, rows, now, now + timeout, loop.create_future(), current.get())
        self._queue.append(job)
        self._schedule(loop)
        try:
            async with asyncio.timeout_at(job.deadline):
                return await job.done
        except TimeoutError:
            raise backend_late(timeout) from None

    def refuse(self, problem: BackendError) -> None:
        """End what waits: there is nobody to compute it."""
        self._fail(self._queue, problem)
        self._queue.clear()

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at the queue once this turn of the loop has let every request in."""
        if not self._scheduled and self._has_lane():
            self._scheduled = True
            loop.call_soon(self._dispatch)

    def _has_lane(self) -> bool:
        count = len(self._running)
        if count < self._workers:
            return True
        return count < self._lanes and len(self._queue) >= min(self._running.values())

    def _dispatch(self) -> None:
        self._scheduled = False
        loop = asyncio.get_running_loop()
        while self._has_lane():
            jobs = self._next_batch(loop.time())
            if not jobs:
                return
            task = loop.create_task(self._work(jobs))
            self._running[task] = len(jobs)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if self._queue:
            self._schedule(asyncio.get_running_loop())

    def _next_batch(self, now: float) -> list[_Job]:
        """The oldest requests that are still wanted, as many as one batch takes."""
        jobs: list[_Job] = []
        rows = 0
        while self._queue:
            job = self._queue[0]
            if job.done.done() or job.deadline <= now:
                self._queue.popleft()
                continue
            if jobs and rows + job.rows > self._max_rows:
                break
            self._queue.popleft()
            self._waited(now - job.since)
            jobs.append(job)
            rows += job.rows
        return jobs

    async def _work(self, jobs: list[_Job]) -> None:
        try:
            await self._compute(jobs)
        except BackendError as problem:
            # One bad row spoils the answer of a whole batch: ask for each request alone, once.
            if problem.status == 502 and len(jobs) > 1:
                for job in jobs:
                    if not job.done.done():
                        await self._work([job])
                return
            self._fail(jobs, problem)
        except BaseException as problem:
            self._fail(jobs, problem)
            if not isinstance(problem, Exception):
                raise

    async def _compute(self, jobs: list[_Job]) -> None:
        # Nobody waits beyond the last deadline of the batch.
        timeout = max(job.deadline for job in jobs) - asyncio.get_running_loop().time()
        # One call can belong to one trace: to the oldest request's that has one.
        current.set(next((job.trace for job in jobs if job.trace is not None), None))
        if len(jobs) == 1:
            output = await self._run(jobs[0].tensors, timeout)
            _give(jobs[0], output)
            return
        joined = {name: np.concatenate([job.tensors[name] for job in jobs]) for name in jobs[0].tensors}
        output = await self._run(joined, timeout)
        first = 0
        for job in jobs:
            _give(job, output[first : first + job.rows])
            first += job.rows

    def _fail(self, jobs: Iterable[_Job], problem: BaseException) -> None:
        for job in jobs:
            if not job.done.done():
                job.done.set_exception(problem if isinstance(problem, Exception) else RuntimeError("cancelled"))


def _give(job: _Job, output: Output) -> None:
    # A caller that left has cancelled its future; setting it would raise and lose the rest of the batch.
    if not job.done.done():
        job.done.set_result(output)
