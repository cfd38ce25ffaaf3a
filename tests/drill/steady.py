"""Half of what the service can do, for ten minutes: nothing fails, nothing slows down, nothing grows."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests import builders
from tests.bench import cores, load, open_loop
from tests.bench.errors import BenchError
from tests.drill.places import registry, seconds_until
from tests.drill.results import Result, skipped
from tests.processes import Serving, serving

SECONDS = 600
_CAPACITY_SECONDS = 5
_CONNECTIONS = 64
_FAULT = "half of the capacity"
_PROMISE = "0 errors, p99 ≤ 3 × p50, memory + < 10 MiB, no file descriptor more"


def half_of_capacity(folder: Path, seconds: int = SECONDS) -> Iterator[Result]:
    """Open loop, in the gateway's own process; what a second can hold is measured first."""
    row = json.dumps({"instances": [list(builders.NOTES_ROWS[0])]}).encode()
    request = load.Request("/predict/notes", {"Content-Type": "application/json"}, [row])
    placed = cores.choose()
    with contextlib.ExitStack() as stack:
        with cores.on(placed.server):
            service = stack.enter_context(serving(registry(folder).root, folder, backend="onnxruntime"))
        try:
            capacity = load.drive(service.port, request, _CONNECTIONS, _CAPACITY_SECONDS, placed.load).rate
        except BenchError as problem:
            yield skipped(_FAULT, _PROMISE, str(problem))
            return
        before, open_before = _gateway(service)
        arrivals = open_loop.drive(service.port, request, capacity / 2, seconds, placed.load)
        seconds_until(lambda: _gateway(service)[1] <= open_before, 5)
        after, open_after = _gateway(service)
    grown, more = (after - before) / 2**20, open_after - open_before
    yield Result(
        f"{_FAULT} for {seconds} s (measured first: {capacity:.0f} requests/s; asked {capacity / 2:.0f}/s)",
        _PROMISE,
        f"{arrivals.requests:,} requests, {arrivals.failed} errors{_others(arrivals)}; "
        f"p50 {arrivals.p50:.2f} ms, p99 {arrivals.p99:.2f} ms, p99.9 {arrivals.p999:.2f} ms "
        f"(the generator late by {arrivals.late:.2f} ms at p99); + {grown:.1f} MiB; descriptors {more:+d}",
        arrivals.failed == 0 and arrivals.p99 <= 3 * arrivals.p50 and grown < 10 and more <= 0,
    )


def _others(arrivals: open_loop.Arrivals) -> str:
    others = {name: count for name, count in arrivals.outcomes.items() if name != "200"}
    return f" {others}" if others else ""


def _gateway(service: Serving) -> tuple[int, int]:
    """Resident memory in bytes, and open file descriptors."""
    (gateway,) = service.descendants("service.gateway")
    process = psutil.Process(gateway.pid)
    return process.memory_info().rss, process.num_fds()
