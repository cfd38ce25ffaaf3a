"""One line of the drill's table: a fault, what is promised for it, what was measured, and whether that was kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """`kept` is None where the fault could not be injected here; `measured` says why, then."""

    fault: str
    promise: str
    measured: str
    kept: bool | None

    def line(self) -> str:
        """As a row of Markdown."""
        verdict = {True: "kept", False: "**broken**", None: "skipped"}[self.kept]
        return f"| {self.fault} | {self.promise} | {self.measured} | {verdict} |"


HEAD = "| fault | promise | measured | |\n|---|---|---|---|"
# Injects faults in a folder of its own and yields the results as they come.
# `slack`, where one takes it, stretches its promised times: its short form, a test, is for any machine, however busy.
Drill = Callable[[Path], Iterator[Result]]


def exit_status(results: Iterable[Result]) -> int:
    """0 where every promise was kept or could not be tested, else 1."""
    return int(any(result.kept is False for result in results))


def conditions() -> str:
    """The machine in a line: most promises are about time."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return f"{os.cpu_count()} cores, load average {load}"


def skipped(fault: str, promise: str, reason: str) -> Result:
    """A fault that can't be injected here."""
    return Result(fault, promise, reason, None)
