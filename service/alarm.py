"""One timer of the event loop for many deadlines.

Most of what has a deadline ends long before it. A timer for each would be set and taken back for nothing, which costs
more than many a prediction; so there is one, at the first of them, and whoever has them says then which comes next.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable


class Alarm:
    """Rings at the earliest time that it was told, on the loop that it was told on.

    Args:
        ring: called with the loop's time; returns when to ring again, infinity for never.
    """

    def __init__(self, ring: Callable[[float], float]) -> None:
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None
        self._at = math.inf

    def by(self, when: float) -> None:
        """Ring at this time of the loop at the latest."""
        if when >= self._at:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._handle = asyncio.get_running_loop().call_at(when, self._rings)
        self._at = when

    def _rings(self) -> None:
        self._handle, self._at = None, math.inf
        self.by(self._ring(asyncio.get_running_loop().time()))
