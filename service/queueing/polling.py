"""Looking for the next request for a moment, instead of falling asleep: being woken can cost more than the answer.

A process that sleeps is woken through an interrupt to its core, and in a virtual machine by the host: a third of the
round trip of a caller who asks again at once. So where requests have come close upon each other, the loop looks for the
next one without waiting, for a little while, before it sleeps; whoever else wants the core goes first. Linux does the
same for guests, and finds by the like rule when it pays (Documentation/virt/guest-halt-polling.rst).
"""

from __future__ import annotations

import asyncio
import time

from service import priority

# Lone requests in a row, after short gaps: then the next one is taken to be so, too.
_SHORT_GAPS = 8


class Polling:
    """When one event loop sleeps; its methods run there.

    Args:
        seconds: for which it looks after an answer; 0: not at all.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._short_gaps = 0
        self._answered = 0.0
        self._looks = False

    def begin(self, requests: int) -> None:
        """So many requests have come and are about to be answered.

        Of several callers the first would be answered alone, while the others are better computed with it.
        """
        gap = time.perf_counter() - self._answered
        self._short_gaps = self._short_gaps + 1 if requests == 1 and gap < self._seconds else 0

    def end(self) -> None:
        """They are answered."""
        self._answered = time.perf_counter()
        if self._short_gaps >= _SHORT_GAPS and not self._looks:
            self._looks = True
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        """Have the loop look for what came without waiting: it does while something is to be called."""
        if time.perf_counter() - self._answered < self._seconds:
            priority.step_aside()
            asyncio.get_running_loop().call_soon(self._look)
        else:
            self._looks = False
