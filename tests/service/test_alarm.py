"""One timer rings for many deadlines, at the right times and no oftener than it has to."""

from __future__ import annotations

import asyncio
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from service.alarm import Alarm

STEP = 0.004


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=12))
def test_it_rings_at_each_deadline(steps: list[int]) -> None:
    """Whatever their order: none is passed over, none rings before its time."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        left = {n: began + step * STEP for n, step in enumerate(steps)}
        all_rung = asyncio.Event()

        def ring(now: float) -> float:
            for number in [one for one, when in left.items() if when <= now]:
                del left[number]
            if not left:
                all_rung.set()
            return min(left.values(), default=math.inf)

        alarm = Alarm(ring)
        for when in list(left.values()):
            alarm.by(when)
        await asyncio.wait_for(all_rung.wait(), 5)
        assert loop.time() >= began + max(steps) * STEP

    asyncio.run(scene())


def test_later_deadlines_set_no_timer() -> None:
    """A thousand requests of the same patience cost one timer, not a thousand."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        set_at: list[float] = []
        call_at = loop.call_at
        loop.call_at = lambda when, *given, **named: set_at.append(when) or call_at(when, *given, **named)  # type: ignore[assignment, func-returns-value]
        alarm = Alarm(lambda now: math.inf)
        first = loop.time() + 60
        for number in range(1000):
            alarm.by(first + number)
        assert set_at == [first]
        alarm.by(first - 1)
        assert set_at == [first, first - 1]

    asyncio.run(scene())
