"""`within` means what `asyncio.timeout` does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from service.backends import time_out
from service.backends.time_out import within

Limit = Callable[[float], AbstractAsyncContextManager[Any]]
Scene = Callable[[Limit], Coroutine[Any, Any, object]]


@asynccontextmanager
async def ours(seconds: float) -> Any:
    """`within`, as `asyncio.timeout` is written."""
    with within(seconds):
        yield


async def _ends_in_time(limit: Limit) -> object:
    async with limit(5):
        await asyncio.sleep(0)
        return "whole"


async def _is_late(limit: Limit) -> object:
    async with limit(0.01):
        await asyncio.sleep(30)


async def _fails(limit: Limit) -> object:
    async with limit(5):
        raise KeyError("its own")


async def _fails_while_it_ends(limit: Limit) -> object:
    async with limit(0.01):
        try:
            await asyncio.sleep(30)
        finally:
            raise KeyError("its own")


async def _is_cancelled(limit: Limit) -> object:
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().call_soon(this.cancel)
    async with limit(5):
        await asyncio.sleep(30)


async def _is_late_and_cancelled(limit: Limit) -> object:
    this = asyncio.current_task()
    assert this is not None
    async with limit(0.01):
        try:
            await asyncio.sleep(30)
        finally:
            this.cancel()


async def _inner_is_late(limit: Limit) -> object:
    async with limit(5):
        with pytest.raises(TimeoutError):
            async with limit(0.01):
                await asyncio.sleep(30)
        return "outer goes on"


async def _outer_is_late(limit: Limit) -> object:
    async with limit(0.01), limit(5):
        await asyncio.sleep(30)


SCENES = [
    _ends_in_time, _is_late, _fails, _fails_while_it_ends, _is_cancelled, _is_late_and_cancelled, _inner_is_late,
    _outer_is_late,
]  # fmt: skip


def outcome(scene: Scene, limit: Limit) -> tuple[object, int]:
    """What a task of its own comes to, and how often it is left cancelled."""

    async def run() -> tuple[object, int]:
        task = asyncio.get_running_loop().create_task(scene(limit))
        (found,) = await asyncio.gather(task, return_exceptions=True)
        return type(found) if isinstance(found, BaseException) else found, task.cancelling()

    return asyncio.run(run())


@pytest.mark.parametrize("scene", SCENES)
def test_a_block_ends_as_under_asyncios_timeout(scene: Scene) -> None:
    """In time, late, cancelled by others, failing, one within the other: same outcome, same state of the task."""
    assert outcome(scene, ours) == outcome(scene, asyncio.timeout)


def test_each_of_many_ends_at_its_own_time() -> None:
    """Short ones that come after long ones included, in the order of their ends."""

    async def scene() -> list[float]:
        ended: list[float] = []

        async def one(seconds: float) -> None:
            with pytest.raises(TimeoutError), within(seconds):
                await asyncio.sleep(30)
            ended.append(seconds)

        await asyncio.wait_for(asyncio.gather(*map(one, (0.08, 0.02, 0.06, 0.04))), 5)
        return ended

    assert asyncio.run(scene()) == [0.02, 0.04, 0.06, 0.08]


def test_nothing_is_kept_of_what_has_ended() -> None:
    """Neither of a block that was in time, nor of a late one, nor of a loop that is gone."""

    async def scene() -> None:
        with within(5):
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError), within(0.001):
            await asyncio.sleep(30)
        assert not time_out._of(asyncio.get_running_loop())._blocks

    before = len(time_out._LOOPS)
    asyncio.run(scene())
    assert len(time_out._LOOPS) <= before + 1
