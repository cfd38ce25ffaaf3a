"""Work in turns: the loop serves others between its steps, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

from service.metrics.turns import in_turns


def steps(done: list[int], count: int = 5, problem: Exception | None = None) -> Generator[None, None, None]:
    """So many, noted as they are done; the last but one raises where it is to."""
    for number in range(count):
        if problem is not None and number == count - 2:
            raise problem
        done.append(number)
        yield


def test_others_come_between_the_steps() -> None:
    """The first step is done at once, the others later, one at a time."""
    done: list[int] = []

    async def run() -> list[int]:
        in_turns(steps(done))
        seen = []
        while len(done) < 5:
            seen.append(len(done))
            await asyncio.sleep(0)
        return seen

    assert sorted(set(asyncio.run(asyncio.wait_for(run(), 5)))) == [1, 2, 3, 4]


def test_without_a_loop_all_is_done_now() -> None:
    """As under any WSGI server's thread."""
    done: list[int] = []
    in_turns(steps(done))
    assert done == [0, 1, 2, 3, 4]


def test_without_room_for_figures_it_ends() -> None:
    """Later steps raise nothing into the loop."""
    done: list[int] = []
    problems: list[object] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        made = steps(done, problem=OSError("disk full"))
        in_turns(made)
        while made.gi_frame is not None:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(run(), 5))
    assert done == [0, 1, 2]
    assert problems == []
