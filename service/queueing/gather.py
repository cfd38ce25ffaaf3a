"""Cheap predictions: those that come in one turn of the event loop are computed together at its end, on the loop.

A model that takes microseconds a row costs more by the call than by the row. Nobody waits for anybody: the turn ends
when everything that has arrived was read, and a lone request is computed at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mulgam.tensors import Arrays
from service.protocols.base import Output
from service.queueing.job import Job, Told, hand_out, joined
from service.queueing.polling import Polling


class Gather:
    """What one model is asked in one turn of the loop.

    Args:
        run: computes a batch of so many rows, without waiting.
        most_rows: that are cheap in one call; a request of more is not for here.
        polling: of the loop, which may look for the next request at once.
    """

    def __init__(self, run: Callable[[Arrays, int], Output], most_rows: int, polling: Polling) -> None:
        self._run = run
        self.most_rows = most_rows
        self._polling = polling
        self._jobs: list[Job] = []

    def enqueue(self, tensors: Arrays, rows: int, told: Told) -> Job:
        """Have rows computed at the end of this turn."""
        if not self._jobs:
            asyncio.get_running_loop().call_soon(self._flush)
        job = Job(tensors, rows, told)
        self._jobs.append(job)
        return job

    def _flush(self) -> None:
        jobs, self._jobs = self._jobs, []
        self._polling.begin(len(jobs))
        batch: list[Job] = []
        rows = 0
        for job in jobs:
            if job.is_over:
                continue
            if rows + job.rows > self.most_rows:
                self._compute(batch, rows)
                batch, rows = [], 0
            batch.append(job)
            rows += job.rows
        if batch:
            self._compute(batch, rows)
        self._polling.end()

    def _compute(self, jobs: list[Job], rows: int) -> None:
        try:
            output = self._run(joined(jobs), rows)
        except Exception as problem:
            if len(jobs) == 1:
                jobs[0].tell(problem)
                return
            # One of them is to blame, and only that one may notice.
            for job in jobs:
                self._compute([job], job.rows)
        else:
            hand_out(jobs, output)
