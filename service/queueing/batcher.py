"""Natural batching: what is queued when a lane is free goes to the backend in one call, without an idle wait.

The first request of a quiet moment runs at once; those that come meanwhile leave together. Bounded in
requests, each with its deadline on the monotonic clock; a caller that leaves takes nothing with it.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import cast

from mulgam.tensors import Arrays
from service.alarm import Alarm
from service.errors import BackendError, BackendLost, backend_late, too_busy
from service.protocols.base import Output
from service.queueing.job import Job, Told, hand_out, joined, outcome_of
from service.telemetry.trace import Trace, current

# Runs one batch within a time; raises BackendError.
Run = Callable[[Arrays, float], Awaitable[Output]]


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
        self._queue: deque[Job] = deque()
        # Whether a lane will look at the queue in the next turn of the loop.
        self._is_looking = False
        self._lanes_open: set[asyncio.Task[None]] = set()
        self._running: dict[asyncio.Task[None], list[Job]] = {}
        self._alarm = Alarm(self._expire)

    async def submit(self, tensors: Arrays, rows: int, timeout: float) -> Output:
        """This request's part of a batch, for a coroutine.

        Raises:
            ApiError: 503 where the queue is full.
            BackendError: 502, 503, or 504 when the timeout passed, in the queue or in the backend.
        """
        return await outcome_of(partial(self.enqueue, tensors, rows, timeout, trace=current.get()))

    def enqueue(self, tensors: Arrays, rows: int, timeout: float, told: Told, trace: Trace | None = None) -> Job:
        """Queue a request; `told` gets its part of a batch, or what `submit` raises but for the full queue.

        Raises:
            ApiError: 503 where the queue is full.
        """
        if len(self._queue) >= self._max_waiting:
            self._refused()
            raise too_busy()
        loop = asyncio.get_running_loop()
        now = loop.time()
        job = Job(tensors, rows, told, now, now + timeout, trace, is_queued=True)
        self._queue.append(job)
        self._alarm.by(job.deadline)
        self._schedule(loop)
        return job

    def refuse(self, problem: BackendError) -> None:
        """End what waits: there is nobody to compute it."""
        waiting = list(self._queue)
        self._queue.clear()
        _fail(waiting, problem)

    def _open(self) -> Iterator[Job]:
        """Every request that is not answered."""
        return (job for job in chain(self._queue, *self._running.values()) if not job.is_over)

    def _expire(self, now: float) -> float:
        """End what is late; when the next one will be."""
        for job in list(self._open()):
            if job.deadline <= now:
                _late(job)
        return min((job.deadline for job in self._open()), default=math.inf)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have a lane look at the queue once this turn of the loop has let every request in."""
        if not self._is_looking and self._has_lane():
            self._is_looking = True
            self._lanes_open.add(loop.create_task(self._lane()))

    def _has_lane(self) -> bool:
        count = len(self._running)
        if count < self._workers:
            return True
        return count < self._lanes and len(self._queue) >= min(map(len, self._running.values()))

    async def _lane(self) -> None:
        """One batch after the other, for as long as anything waits: a task for each would cost a turn of the loop."""
        loop, this = asyncio.get_running_loop(), cast("asyncio.Task[None]", asyncio.current_task())
        try:
            while True:
                self._is_looking = False
                jobs = self._next_batch(loop.time()) if self._has_lane() else []
                if not jobs:
                    return
                self._running[this] = jobs
                if self._queue:
                    self._schedule(loop)  # what did not fit
                try:
                    await self._work(jobs)
                finally:
                    del self._running[this]
                if not self._queue or self._is_looking:
                    return
                self._is_looking = True
                await asyncio.sleep(0)
        finally:
            self._lanes_open.discard(this)

    def _next_batch(self, now: float) -> list[Job]:
        """The oldest requests that are still wanted, as many as one batch takes."""
        jobs: list[Job] = []
        rows = 0
        while self._queue:
            job = self._queue[0]
            if job.is_over or job.deadline <= now:
                _late(self._queue.popleft())
                continue
            if jobs and rows + job.rows > self._max_rows:
                break
            self._queue.popleft()
            self._waited(now - job.since)
            jobs.append(job)
            rows += job.rows
        return jobs

    async def _work(self, jobs: list[Job]) -> None:
        try:
            hand_out(jobs, await self._compute(jobs))
        except BackendError as problem:
            # One bad row spoils the answer of a whole batch: ask for each request alone, once.
            if problem.status == 502 and len(jobs) > 1 and not isinstance(problem, BackendLost):
                for job in jobs:
                    if not job.is_over:
                        await self._work([job])
                return
            _fail(jobs, problem)
        except BaseException as problem:
            _fail(jobs, problem)
            if not isinstance(problem, Exception):
                raise

    async def _compute(self, jobs: list[Job]) -> Output:
        # Nobody waits beyond the last deadline of the batch.
        timeout = max(job.deadline for job in jobs) - asyncio.get_running_loop().time()
        # One call can belong to one trace: to the oldest request's that has one.
        current.set(next((job.trace for job in jobs if job.trace is not None), None))
        return await self._run(joined(jobs), timeout)


def _late(job: Job) -> None:
    job.tell(backend_late(round(job.deadline - job.since, 6)))


def _fail(jobs: Iterable[Job], problem: BaseException) -> None:
    for job in jobs:
        job.tell(problem if isinstance(problem, Exception) else RuntimeError("cancelled"))
