"""The run: every round starts each contestant anew, one at a time, so that a disturbance meets them all alike."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import answers
from tests.bench.cells import CELLS, ROW, Cell, Sample, Start
from tests.bench.contestants.base import Contestant, Running, place_for
from tests.bench.cores import Cores
from tests.bench.errors import BenchError
from tests.bench.model import Published


@dataclass
class Results:
    """What was measured; samples and starts in the order of the rounds.

    `out` says why a contestant is not in the tables, `absent` which form of request it does not have.
    """

    samples: dict[tuple[str, Cell], list[Sample]] = field(default_factory=dict)
    starts: dict[tuple[str, str], list[Start]] = field(default_factory=dict)
    out: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    load_averages: list[float] = field(default_factory=list)
    code_after: str = ""

    def of(self, contestant: str, cell: Cell) -> list[Sample]:
        """The samples of a cell; none of a contestant that is out."""
        return [] if contestant in self.out else self.samples.get((contestant, cell), [])


@dataclass(frozen=True)
class Run:
    """How long, where, and whom to tell (one line at a time)."""

    rounds: int
    seconds: int
    cores: Cores
    folder: Path
    say: Callable[[str], None]


def run(contestants: Sequence[Contestant], models: Sequence[Published], options: Run) -> Results:
    """All rounds; a contestant that fails is out, the others go on."""
    results = Results()
    for number in range(options.rounds):
        # Who comes first changes, so that no one always follows the same one.
        turn = number % len(contestants)
        for model in models:
            for contestant in (*contestants[turn:], *contestants[:turn]):
                if contestant.name in results.out or not _cells(contestant, model):
                    continue
                options.say(f"round {number + 1} of {options.rounds}, {model.name}: {contestant.title}")
                try:
                    _visit(contestant, model, options, results)
                except (BenchError, OSError) as problem:
                    results.out[contestant.name] = str(problem)
                    options.say(f"  {contestant.name} is out: {problem}")
    return results


def _visit(contestant: Contestant, model: Published, options: Run, results: Results) -> None:
    """One contestant's turn: start, check, warm up, measure, stop."""
    cells = _cells(contestant, model)
    # A name that is new and short: Unix sockets are made below it.
    where = place_for(model, options.folder / f"{time.monotonic_ns():x}", options.cores)
    with contestant.running(where) as running:
        idle = running.memory()
        for form, why in answers.check(contestant, running, model, cells).items():
            results.absent[contestant.name] = f"{form}: {why}"
            cells = [cell for cell in cells if cell.form != form]
        _warm_up(contestant, running, cells)
        for cell in cells:
            sample = running.measure(cell, options.seconds)
            results.samples.setdefault((contestant.name, cell), []).append(sample)
            results.load_averages.append(os.getloadavg()[0])
            options.say(f"  {cell}: {sample.rate:,.0f} requests/s, p50 {sample.p50:.2f} ms{_failures(sample)}")
        loaded = running.memory()
        if idle is not None and loaded is not None and running.start_seconds is not None:
            start = Start(running.start_seconds, idle[0], loaded[0], idle[1])
            results.starts.setdefault((contestant.name, model.name), []).append(start)


def _cells(contestant: Contestant, model: Published) -> list[Cell]:
    return [cell for cell in CELLS[model.name] if contestant.takes(cell)]


def _warm_up(contestant: Contestant, running: Running, cells: Sequence[Cell]) -> None:
    if not contestant.warm_up:
        return
    model = cells[0].model
    running.measure(Cell(model, 1, "json", max(ROW)), contestant.warm_up)
    for bulk in {cell.form: cell for cell in cells if cell.rows > 1}.values():
        running.measure(bulk, 1)


def _failures(sample: Sample) -> str:
    return f", {sample.failed} FAILED" if sample.failed else ""
