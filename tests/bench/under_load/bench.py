"""What every part is given, and what it gives: a started service that answers rightly, and a section of the page."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from tests.bench import answers, open_loop
from tests.bench.cells import ROW, Cell, Sample
from tests.bench.contestants.base import JAVA_WARM_UP, Place, RunningServer, Server, place_for
from tests.bench.cores import Cores
from tests.bench.model import Published
from tests.bench.open_loop import Arrivals
from tests.bench.usage import Usage

# The closed loop that fills a server's core: what it answers is the capacity.
FULL = ROW[64]


@dataclass
class Bench:
    """How long, where, whom to tell; and what is noted of the machine meanwhile."""

    model: Published
    rounds: int
    seconds: int
    cores: Cores
    folder: Path
    say: Callable[[str], None]
    most_warm_up: int = JAVA_WARM_UP
    load_averages: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    def place(self) -> Place:
        """An empty folder and a free port."""
        return place_for(self.model, self.folder / f"{time.monotonic_ns():x}", self.cores)

    @contextlib.contextmanager
    def started(self, server: Server, place: Place | None = None) -> Iterator[RunningServer]:
        """A server that answers rightly and is warm, for the length of a block."""
        place = place or self.place()
        with server.running(place) as running:
            answers.check(server, running, place.model, [FULL])
            running.measure(FULL, min(server.warm_up, self.most_warm_up))
            yield running

    def closed_loop(self, running: RunningServer, cell: Cell = FULL) -> Sample:
        """The next request of a connection after its answer."""
        sample = running.measure(cell, self.seconds)
        self._note(sample.others)
        self.say(f"  {cell}: {sample.rate:,.0f} requests/s, p50 {sample.p50:.2f} ms, {sample.failed} failed")
        return sample

    def open_loop(self, running: RunningServer, rate: float, least_seconds: int = 0, alone: bool = True) -> Arrivals:
        """One row a request, so many requests a second whatever becomes of them; `alone`: no other client is at it."""
        seconds = max(self.seconds, least_seconds)
        request, usage = running.request(ROW[1]), Usage(running.tree)
        found = open_loop.drive(running.place.port, request, rate, seconds, self.cores.load)
        taken = usage.taken(found.generator)
        if alone:
            self._note(taken.others)
        self.say(
            f"  {rate:,.0f} requests/s sent: p50 {found.p50:.2f}, p99 {found.p99:.2f}, p99.9 {found.p999:.2f} ms,"
            f" {found.failed} failed{f' ({dict(found.failures)})' if found.failed else ''}"
        )
        return dataclasses.replace(found, server=taken.cpu / taken.seconds)

    def _note(self, others: float) -> None:
        self.others.append(others)
        self.load_averages.append(os.getloadavg()[0])


@dataclass(frozen=True)
class Ratio:
    """One line of what is aimed at: of the rounds' values the first to the second; no aim: shown only."""

    text: str
    above: Sequence[float]
    below: Sequence[float]
    aim: float | None
    less_is_better: bool = False


@dataclass(frozen=True)
class Limit:
    """Another line of it: a figure of each round that is to stay below the aim."""

    text: str
    values: Sequence[float]
    aim: float


class Part(ABC):
    """One question: measured round by round, told in a section of its own."""

    name: ClassVar[str]
    title: ClassVar[str]
    # Of what it can measure some alone, by these names; none: only the whole.
    kinds: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def seconds(self, seconds: int) -> float:
        """About how long a round takes, with so many for each measurement."""

    def choose(self, kinds: Collection[str]) -> None:
        """Measure these of `kinds` alone."""
        raise NotImplementedError

    @abstractmethod
    def round(self, bench: Bench) -> None:
        """Measure everything once more; raises BenchError where it can't be."""

    @abstractmethod
    def section(self) -> str:
        """Tables and what they mean, in Markdown, without the heading."""

    def ratios(self) -> list[Ratio]:
        """What is aimed at, of two figures."""
        return []

    def limits(self) -> list[Limit]:
        """What is aimed at, of one."""
        return []
