"""Work that nobody waits for, in small steps: between them the event loop serves others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

# From the end of a step to the next: of the loop's time a tenth, where a step takes a third of a millisecond.
_REST_SECONDS = 0.003


def in_turns(steps: Iterator[None]) -> None:
    """Do the first step now and the others later on this loop; all of them now where there is none."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        for _ in steps:
            pass
        return

    def step() -> None:
        if next(steps, loop) is None:
            loop.call_later(_REST_SECONDS, later)

    def later() -> None:
        with contextlib.suppress(OSError):  # no room for figures: whoever begins such work says so
            step()

    step()
