"""A prediction that somebody waits for: what is asked, until when, and who is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mulgam.tensors import Arrays
from service.protocols.base import Output
from service.telemetry.trace import Trace

# Called with the output, or with why there is none: a plain function costs a request less than a task and a future.
Told = Callable[[Output | Exception], None]


@dataclass(slots=True, eq=False)
class Job:
    """One request's rows on their way to a model.

    `told` is called once, in a later turn of the loop than the one that the job began in; once its caller has left,
    `left` instead. `ended` is called either way.
    """

    tensors: Arrays
    rows: int
    told: Told
    since: float = 0.0
    deadline: float = 0.0
    trace: Trace | None = None
    is_queued: bool = False
    is_over: bool = field(default=False, init=False)
    ended: Callable[[], object] | None = field(default=None, init=False)
    left: Callable[[], object] | None = field(default=None, init=False)

    def tell(self, outcome: Output | Exception) -> None:
        """Tell the caller, if it still waits."""
        if not self.is_over:
            self._end()
            self.told(outcome)

    def cancel(self) -> None:
        """The caller is gone."""
        if not self.is_over:
            self._end()
            if self.left is not None:
                self.left()

    def _end(self) -> None:
        self.is_over = True
        if self.ended is not None:
            self.ended()


async def outcome_of(begin: Callable[[Told], Job]) -> Output:
    """The output of a job, for a coroutine; whoever cancels that cancels the job.

    Raises:
        Exception: what the job was told.
    """
    coming: asyncio.Future[Output] = asyncio.get_running_loop().create_future()

    def told(outcome: Output | Exception) -> None:
        if coming.done():
            return
        if isinstance(outcome, Exception):
            coming.set_exception(outcome)
        else:
            coming.set_result(outcome)

    job = begin(told)
    try:
        return await coming
    finally:
        job.cancel()


def joined(jobs: list[Job]) -> Arrays:
    """The rows of several jobs as one batch."""
    if len(jobs) == 1:
        return jobs[0].tensors
    return {name: np.concatenate([job.tensors[name] for job in jobs]) for name in jobs[0].tensors}


def hand_out(jobs: list[Job], output: Output) -> None:
    """Each job its rows of a batch's output."""
    first = 0
    for job in jobs:
        job.tell(output[first : first + job.rows])
        first += job.rows
