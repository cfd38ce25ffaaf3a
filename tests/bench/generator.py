"""A load generator as a process: what it printed, and the cores that it took."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence

import psutil

from tests.bench.cores import on
from tests.bench.errors import BenchError
from tests.bench.tree import ROOT


def printed_by(name: str, command: Sequence[str], most_seconds: float, core: int | None) -> tuple[str, float]:
    """Run it to its end.

    Returns:
        What it printed, and its CPU seconds per second.

    Raises:
        BenchError: it did not end in time; it is killed then.
    """
    before, started = _cpu_of_ended_children(), time.monotonic()
    with on(core):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        printed, _ = process.communicate(timeout=most_seconds)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{name} did not end in time.") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
    return printed, (_cpu_of_ended_children() - before) / (time.monotonic() - started)


def _cpu_of_ended_children() -> float:
    """CPU seconds of the processes that we started and that are over."""
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)
