"""How a gateway process ends: it says that it will, answers on for a while, takes no more, finishes, and is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable

from service.edge import Edge
from service.plane import DataPlane

# What a table that is cut off needs for its last row, before the process ends.
LAST_ROW_SECONDS = 1.0


class Ending:
    """Whether the end was asked for, and how soon it must be."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._at_once = asyncio.Event()

    def drain(self) -> None:
        """End after the drain delay; asked a second time: at once."""
        if self.asked.is_set():
            self._at_once.set()
        self.asked.set()

    def hurry(self) -> None:
        """End without the delay: nobody has to be told that this process will be gone."""
        self._at_once.set()
        self.asked.set()

    async def announced(self, plane: DataPlane) -> None:
        """Say no to readiness and close each connection with its answer, for as long as others need to notice."""
        plane.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._at_once.wait(), plane.settings.drain_delay)


async def finished(stopping: Awaitable[object], edge: Edge, grace: float) -> None:
    """Wait for what is in hand, once no more is taken; cut tables off where they take longer than the grace.

    Args:
        stopping: ends when nothing is in hand any more.
        edge: whose tables are cut off.
        grace: seconds for all of it.
    """
    task = asyncio.ensure_future(stopping)
    await asyncio.wait([task], timeout=grace - min(LAST_ROW_SECONDS, grace / 2))
    if not task.done():
        edge.cut_off()
        await asyncio.wait([task], timeout=LAST_ROW_SECONDS)
