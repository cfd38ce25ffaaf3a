"""A loop looks for the next lone request before it sleeps, where the last ones came close upon each other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from service import priority
from service.queueing.polling import Polling

WINDOW, LOOK, SHORT, LONG = 0.0002, 0.00005, 0.0001, 0.0003


class Clock:
    """The time as `polling` has it; each look takes some."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1.0
        self.looks = 0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(priority, "step_aside", self._look)

    def _look(self) -> None:
        self.looks += 1
        self.now += LOOK


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still but for what a test does."""
    return Clock(monkeypatch)


def answer(one: Polling, clock: Clock, gap: float, requests: int = 1) -> None:
    """A turn of the loop with requests, after a gap without any."""
    clock.now += gap
    one.begin(requests)
    one.end()


async def turns(count: int) -> None:
    """Let the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


def looks_after(clock: Clock, gaps: Sequence[float], requests: int = 1, seconds: float = WINDOW) -> int:
    """How often the loop looked after turns with these gaps before them."""

    async def run() -> None:
        one = Polling(seconds)
        for gap in gaps:
            answer(one, clock, gap, requests)
            await turns(1)
        await turns(50)

    asyncio.run(run())
    return clock.looks


def test_it_looks_for_as_long_as_was_said_where_requests_came_close(clock: Clock) -> None:
    """Four looks fill the time; then it sleeps."""
    assert looks_after(clock, [LONG, *[SHORT] * 8]) == WINDOW / LOOK


@pytest.mark.parametrize(
    ("gaps", "requests", "seconds"),
    [
        ([LONG] * 50, 1, WINDOW),
        ([LONG, *[SHORT] * 7], 1, WINDOW),
        ([*[SHORT] * 7, LONG, *[SHORT] * 7], 1, WINDOW),
        ([SHORT] * 50, 2, WINDOW),
        ([0.0] * 50, 1, 0.0),
    ],
    ids=["far apart", "too few yet", "one late", "several at once", "off"],
)
def test_it_sleeps_at_once(clock: Clock, gaps: list[float], requests: int, seconds: float) -> None:
    """Where the next request is not known to come soon, or comes with others."""
    assert looks_after(clock, gaps, requests, seconds) == 0


def test_an_answer_begins_the_time_anew(clock: Clock) -> None:
    """In one chain of looks: a request that came is no reason for a second one."""

    async def run() -> tuple[int, int]:
        one = Polling(WINDOW)
        for _ in range(9):
            answer(one, clock, SHORT)
        await turns(1)
        answer(one, clock, 0.0)
        before = clock.looks
        await turns(2)
        at_once = clock.looks - before
        await turns(50)
        return at_once, clock.looks - before

    assert asyncio.run(run()) == (2, WINDOW / LOOK)
