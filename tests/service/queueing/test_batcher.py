"""Natural batching: what waits leaves together, deadlines hold, nobody takes another down."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest

from mulgam.tensors import Arrays
from service.errors import ApiError, BackendError, backend_unavailable, bad_backend
from service.protocols.base import Output
from service.queueing.batcher import Batcher


class Steered:
    """A backend that doubles its input when the test lets it go on, and keeps what it was asked for."""

    def __init__(self, *, waiting: bool = True) -> None:
        self.batches: list[list[float]] = []
        self.go = asyncio.Event()
        self.problem: Exception | None = None
        if not waiting:
            self.go.set()

    async def __call__(self, tensors: Arrays, timeout: float) -> Output:
        """One batch."""
        values = tensors["numeric"][:, 0]
        self.batches.append(values.tolist())
        await self.go.wait()
        if self.problem is not None:
            raise self.problem
        if (values < 0).any():
            raise bad_backend()
        return np.asarray(values * 2, np.float32)


def batcher(run: Any, **options: int) -> Batcher:
    """A batcher with usual bounds."""
    bounds = {"workers": options.get("lanes", 1), "lanes": 1, "max_rows": 100, "max_waiting": 100, **options}
    return Batcher(run, waited=lambda seconds: None, refused=lambda: None, **bounds)


def ask(queue: Batcher, *values: float, timeout: float = 5) -> Coroutine[Any, Any, Output]:
    """A request with these rows."""
    return queue.submit({"numeric": np.array([[value] for value in values], np.float32)}, len(values), timeout)


async def settle() -> None:
    """Let the loop do what is due now."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_lone_request_runs_at_once() -> None:
    """No idle wait."""

    async def scene() -> None:
        run = Steered(waiting=False)
        assert (await ask(batcher(run), 3)).tolist() == [6]
        assert run.batches == [[3]]

    asyncio.run(scene())


def test_what_waits_leaves_together_and_each_gets_its_own() -> None:
    """Requests that come while a batch is under way make the next one."""

    async def scene() -> None:
        run = Steered()
        queue = batcher(run)
        first = asyncio.create_task(ask(queue, 1))
        await settle()
        others = [asyncio.create_task(ask(queue, number, number + 0.5)) for number in range(2, 6)]
        await settle()
        run.go.set()
        assert (await first).tolist() == [2]
        answers = await asyncio.gather(*others)
        assert [answer.tolist() for answer in answers] == [[2.0 * n, 2.0 * n + 1] for n in range(2, 6)]
        assert [len(batch) for batch in run.batches] == [1, 8]

    asyncio.run(scene())


def test_a_batch_has_at_most_its_rows() -> None:
    """A request that would not fit waits for the next one; a larger one than any batch runs alone."""

    async def scene() -> None:
        run = Steered()
        queue = batcher(run, max_rows=4)
        tasks = [asyncio.create_task(ask(queue, *range(size))) for size in (1, 3, 3, 9, 1)]
        await settle()
        run.go.set()
        await asyncio.gather(*tasks)
        assert [len(batch) for batch in run.batches] == [4, 3, 9, 1]

    asyncio.run(scene())


def test_lanes_work_side_by_side() -> None:
    """Two batches are under way at a time, the third waits."""

    async def scene() -> None:
        run = Steered()
        queue = batcher(run, lanes=2, max_rows=1)
        tasks = [asyncio.create_task(ask(queue, number)) for number in range(3)]
        await settle()
        assert len(run.batches) == 2
        run.go.set()
        await asyncio.gather(*tasks)
        assert len(run.batches) == 3

    asyncio.run(scene())


def test_a_batch_is_laid_ready_for_a_busy_worker_only_where_it_is_as_large() -> None:
    """Behind a batch of two, one request waits for more; two leave together."""

    async def scene() -> None:
        run = Steered()
        queue = batcher(run, workers=1, lanes=2)
        tasks = [asyncio.create_task(ask(queue, number)) for number in (1, 2)]
        await settle()
        tasks.append(asyncio.create_task(ask(queue, 3)))
        await settle()
        assert run.batches == [[1, 2]]
        tasks.append(asyncio.create_task(ask(queue, 4)))
        await settle()
        assert run.batches == [[1, 2], [3, 4]]
        run.go.set()
        await asyncio.gather(*tasks)

    asyncio.run(scene())


def test_a_full_queue_refuses_at_once() -> None:
    """503 with Retry-After, and the waiting ones are served."""

    async def scene() -> None:
        run = Steered()
        queue = batcher(run, max_waiting=2)
        first = asyncio.create_task(ask(queue, 0))
        await settle()
        waiting = [asyncio.create_task(ask(queue, number)) for number in (1, 2)]
        await settle()
        with pytest.raises(ApiError) as caught:
            await ask(queue, 3)
        assert (caught.value.status, caught.value.code) == (503, "OVERLOADED")
        run.go.set()
        assert [(await task).tolist() for task in (first, *waiting)] == [[0], [2], [4]]

    asyncio.run(scene())


def test_a_deadline_ends_the_wait_and_the_request_is_never_computed() -> None:
    """504 in the queue; the backend does not see what nobody wants."""

    async def scene() -> None:
        run = Steered()
        queue = batcher(run)
        first = asyncio.create_task(ask(queue, 1))
        await settle()
        with pytest.raises(ApiError) as caught:
            await ask(queue, 2, timeout=0.05)
        assert (caught.value.status, caught.value.code) == (504, "DEADLINE_EXCEEDED")
        run.go.set()
        await first
        assert (await ask(queue, 3)).tolist() == [6]
        assert run.batches == [[1], [3]]

    asyncio.run(scene())


def test_each_deadline_holds_whatever_the_order() -> None:
    """One alarm serves all: a later request with an earlier deadline ends first, also in the backend's hands."""

    async def scene() -> None:
        run = Steered()
        queue = batcher(run)
        ends: list[float] = []

        async def caller(timeout: float) -> None:
            with pytest.raises(ApiError, match=rf"the {timeout:g} s it may take"):
                await ask(queue, 1, timeout=timeout)
            ends.append(timeout)

        await asyncio.wait_for(asyncio.gather(*map(caller, (0.2, 0.1, 0.05, 0.15))), 5)
        assert ends == [0.05, 0.1, 0.15, 0.2]
        run.go.set()
        await settle()
        assert (await ask(queue, 3)).tolist() == [6]

    asyncio.run(scene())


def test_a_caller_that_leaves_takes_nobody_with_it() -> None:
    """Cancelled in the queue or in the backend: the rest of the batch is answered, and the lane lives on."""

    async def scene() -> None:
        run = Steered()
        queue = batcher(run)
        running = asyncio.create_task(ask(queue, 1))
        await settle()
        stays, leaves = (asyncio.create_task(ask(queue, number)) for number in (2, 3))
        await settle()
        running.cancel()
        leaves.cancel()
        await settle()
        run.go.set()
        assert (await stays).tolist() == [4]
        assert (await ask(queue, 5)).tolist() == [10]

    asyncio.run(scene())


def test_one_bad_request_does_not_spoil_its_batch() -> None:
    """A joint answer that can't be trusted is asked for again, one by one: only the culprit gets the 502."""

    async def scene() -> None:
        run = Steered()
        queue = batcher(run)
        first = asyncio.create_task(ask(queue, 0))
        await settle()
        tasks = [asyncio.create_task(ask(queue, value)) for value in (1, -1, 2)]
        await settle()
        run.go.set()
        await first
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[1], BackendError)
        assert [results[0].tolist(), results[2].tolist()] == [[2], [4]]  # type: ignore[union-attr]
        assert [len(batch) for batch in run.batches] == [1, 3, 1, 1, 1]

    asyncio.run(scene())


@pytest.mark.parametrize("problem", [backend_unavailable("m"), RuntimeError("a defect")])
def test_a_failing_backend_fails_its_batch_and_nothing_more(problem: Exception) -> None:
    """Every caller of the batch gets the error; the next request is served."""

    async def scene() -> None:
        run = Steered(waiting=False)
        run.problem = problem
        queue = batcher(run)
        results = await asyncio.gather(*(ask(queue, n) for n in range(3)), return_exceptions=True)
        assert all(type(result) is type(problem) for result in results)
        run.problem = None
        assert (await ask(queue, 5)).tolist() == [10]

    asyncio.run(scene())


def test_a_thousand_callers_get_their_own_answers() -> None:
    """Whatever the timing: no answer goes to another request."""

    async def scene() -> None:
        async def run(tensors: Arrays, timeout: float) -> Output:
            await asyncio.sleep(0.0001 * (len(tensors["numeric"]) % 3))
            return np.asarray(tensors["numeric"][:, 0] * 2, np.float32)

        queue = batcher(run, lanes=3, max_rows=7, max_waiting=2000)

        async def caller(number: int) -> None:
            await asyncio.sleep(0.00001 * (number % 13))
            rows = [number + step / 8 for step in range(1 + number % 4)]
            assert (await ask(queue, *rows)).tolist() == [2 * row for row in rows]

        await asyncio.gather(*(caller(number) for number in range(1000)))

    asyncio.run(scene())
