"""Cheap predictions: one run for what came in one turn of the loop, each caller its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np

from mulgam.tensors import Arrays
from service.errors import bad_backend
from service.protocols.base import Output
from service.queueing.gather import Gather
from service.queueing.job import Job
from service.queueing.polling import Polling


class Doubling:
    """Doubles, refuses negative numbers, and keeps what it was asked."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []

    def __call__(self, tensors: Arrays, rows: int) -> Output:
        """One batch."""
        values = tensors["numeric"][:, 0]
        assert len(values) == rows
        self.batches.append(values.tolist())
        if (values < 0).any():
            raise bad_backend()
        return np.asarray(values * 2, np.float32)


def ask(gather: Gather, told: Callable[[Any], None], *values: float) -> Job:
    """A request with these rows."""
    return gather.enqueue({"numeric": np.array([[value] for value in values], np.float32)}, len(values), told)


def in_one_turn(requests: list[list[float]], most_rows: int = 100, leaves: int | None = None) -> tuple[Doubling, Any]:
    """What is computed, and what each request is told."""
    run, told = Doubling(), dict[int, Any]()

    async def scene() -> None:
        gather = Gather(run, most_rows, Polling(0.0))
        jobs = [ask(gather, lambda outcome, n=n: told.update({n: outcome}), *v) for n, v in enumerate(requests)]  # type: ignore[misc]
        assert not told
        if leaves is not None:
            jobs[leaves].cancel()
        await asyncio.sleep(0)

    asyncio.run(scene())
    return run, {n: one if isinstance(one, Exception) else one.tolist() for n, one in told.items()}


def test_one_run_for_a_turn_of_the_loop() -> None:
    """Nobody is told within the call that asks; each gets its own rows."""
    run, told = in_one_turn([[1], [2, 3], [4]])
    assert run.batches == [[1, 2, 3, 4]]
    assert told == {0: [2], 1: [4, 6], 2: [8]}


def test_no_run_has_more_rows_than_are_cheap() -> None:
    """The loop is not held for longer than one such run at a time."""
    run, told = in_one_turn([[1], [2, 3], [4], [5, 6, 7]], most_rows=3)
    assert run.batches == [[1, 2, 3], [4], [5, 6, 7]]
    assert told[3] == [10, 12, 14]


def test_one_bad_request_does_not_spoil_the_turn() -> None:
    """Each is computed alone, and only the culprit hears of it."""
    run, told = in_one_turn([[1], [-1], [3]])
    assert run.batches == [[1, -1, 3], [1], [-1], [3]]
    assert (told[0], told[2]) == ([2], [6])
    assert told[1].status == 502


def test_who_left_is_not_computed() -> None:
    """Nor told."""
    run, told = in_one_turn([[1], [2]], leaves=0)
    assert run.batches == [[2]]
    assert told == {1: [4]}


def test_the_next_turn_is_a_new_one() -> None:
    """Also for a request that comes while answers are handed out."""
    run, told = Doubling(), list[Any]()

    async def scene() -> None:
        gather = Gather(run, 10, Polling(0.0))
        ask(gather, lambda outcome: ask(gather, told.append, 5) and None, 1)
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run(scene())
    assert run.batches == [[1], [5]]
    assert [one.tolist() for one in told] == [[10]]
