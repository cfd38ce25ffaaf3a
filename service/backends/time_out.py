"""`asyncio.timeout` for what is called thousands of times a second: the same meaning, one timer for all of them."""

from __future__ import annotations

import asyncio
import math
from types import TracebackType
from weakref import WeakKeyDictionary

from service.alarm import Alarm


class within:
    """A block of a task that is cancelled after so many seconds.

    Raises:
        TimeoutError: they are over.
    """

    __slots__ = ("_cancelling", "_open", "_seconds", "_task", "is_over", "when")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.is_over = False

    def __enter__(self) -> within:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is None:
            raise RuntimeError("a time-out needs a task")
        self._task, self._cancelling = task, task.cancelling()
        self.when = loop.time() + self._seconds
        self._open = _of(loop)
        self._open.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.remove(self)
        # Whoever else cancels the task means it: that goes before.
        if self.is_over and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from problem

    def end(self) -> None:
        """The time is over."""
        self.is_over = True
        self._task.cancel()


class _Open:
    """The blocks that are under way on one loop."""

    def __init__(self) -> None:
        self._blocks: set[within] = set()
        self._alarm = Alarm(self._ring)

    def add(self, block: within) -> None:
        self._blocks.add(block)
        self._alarm.by(block.when)

    def remove(self, block: within) -> None:
        self._blocks.discard(block)

    def _ring(self, now: float) -> float:
        following = math.inf
        for block in self._blocks:
            if block.is_over:
                continue
            if block.when <= now:
                block.end()
            else:
                following = min(following, block.when)
        return following


_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, _Open] = WeakKeyDictionary()


def _of(loop: asyncio.AbstractEventLoop) -> _Open:
    found = _LOOPS.get(loop)
    if found is None:
        found = _LOOPS[loop] = _Open()
    return found
