"""Deadlines that cost almost nothing while they are kept: one look around instead of a timer for each."""

from __future__ import annotations

import asyncio
import time
from typing import Any


class Overdue:
    """Cancels what takes longer than a time, at most a tenth of it late.

    `asyncio.timeout` around every read of a body costs a tenth of the edge's throughput; almost every read is
    over before it could matter.

    Args:
        seconds: the time that each awaitable has.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._pending: dict[asyncio.Future[bytes], float] = {}
        self._cut: set[asyncio.Future[bytes]] = set()
        self._watch: asyncio.Task[None] | None = None

    async def bounded(self, future: asyncio.Future[bytes]) -> bytes:
        """The future's result; raises TimeoutError past the time."""
        if self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._look_around())
        self._pending[future] = time.monotonic() + self._seconds
        try:
            return await future
        except asyncio.CancelledError:
            if future in self._cut:
                raise TimeoutError from None
            raise
        finally:
            del self._pending[future]
            self._cut.discard(future)

    def close(self) -> None:
        """Stop looking."""
        if self._watch is not None:
            self._watch.cancel()

    async def _look_around(self) -> Any:
        while True:
            await asyncio.sleep(self._seconds / 10)
            now = time.monotonic()
            for future, deadline in list(self._pending.items()):
                if deadline <= now:
                    self._cut.add(future)
                    future.cancel()
