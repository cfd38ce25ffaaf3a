"""One look around instead of a timer for each: what is late is cut off, what is not is let alone."""

from __future__ import annotations

import asyncio

import pytest

from service.overdue import Overdue


def test_what_comes_in_time_is_given() -> None:
    """The result passes through."""

    async def scene() -> None:
        overdue = Overdue(5)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, b"body")
        assert await overdue.bounded(future) == b"body"
        overdue.close()

    asyncio.run(scene())


def test_what_is_late_is_cut_off() -> None:
    """TimeoutError, for the late one only."""

    async def scene() -> None:
        overdue = Overdue(0.1)
        loop = asyncio.get_running_loop()
        late: asyncio.Future[bytes] = loop.create_future()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(overdue.bounded(late), 2)
        fresh: asyncio.Future[bytes] = loop.create_future()
        loop.call_later(0.05, fresh.set_result, b"x")
        assert await overdue.bounded(fresh) == b"x"
        overdue.close()

    asyncio.run(scene())


def test_a_cancelled_caller_is_no_timeout() -> None:
    """A caller that goes away is cancelled as usual."""

    async def scene() -> None:
        overdue = Overdue(5)
        task = asyncio.create_task(overdue.bounded(asyncio.get_running_loop().create_future()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        overdue.close()

    asyncio.run(scene())
