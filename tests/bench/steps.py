"""`python -m tests.bench.steps`: where the time of a prediction goes: step by step, and process by process.

The steps are timed in this process, each alone and warm: the best of several rounds. The processes' CPU time is the
system's account of them under load. What the steps leave of that is HTTP, the event loop and the kernel.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import timeit
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from mulgam import tensors as v2
from mulgam.registry import Registry
from mulgam.signature import NUMERIC
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.backends.prediction import checked
from service.calls import Call
from service.metrics.recording import Metrics
from service.protocols.base import PredictionProtocol
from service.protocols.own import OwnJson
from service.protocols.v2 import V2
from service.versions.served import Served, load
from tests.bench import cores, libraries
from tests.bench.cells import BULK_BINARY, BULK_JSON, ROW, Cell
from tests.bench.contestants.bare import Bare
from tests.bench.contestants.base import RunningServer, Server, place_for
from tests.bench.contestants.fastapi_uvicorn import FastApiUvicorn
from tests.bench.contestants.mulgam import MulgamEmbedded, MulgamTorchServe
from tests.bench.contestants.torchserve_alone import TorchServe1
from tests.bench.model import Published, as_json, draw, publish
from tests.bench.report import table
from tests.bench.sizing import ROLES

ROUNDS, CALLS = 20, 200
SECONDS = 4
# Requests that the steps are timed for: title, protocol, rows.
REQUESTS: tuple[tuple[str, PredictionProtocol, int], ...] = (
    ("1 row, JSON", OwnJson(), 1),
    ("256 rows, JSON", OwnJson(), 256),
    ("256 rows, binary V2", V2(), 256),
)
UNDER_LOAD: tuple[tuple[type[Server], Cell], ...] = (
    (Bare, ROW[1]), (MulgamEmbedded, ROW[1]), (FastApiUvicorn, ROW[1]),
    (TorchServe1, ROW[1]), (MulgamTorchServe, ROW[1]),
    (MulgamEmbedded, BULK_JSON[8]), (MulgamEmbedded, BULK_BINARY[8]), (FastApiUvicorn, BULK_JSON[8]),
)  # fmt: skip


def call_of(protocol: PredictionProtocol, rows: int) -> Call:
    """Such a request."""
    drawn = draw(rows)
    if isinstance(protocol, OwnJson):
        return Call({}.get, "", _json(as_json(drawn)), "steps", 0.0)
    length, body = v2.encode("inputs", {NUMERIC: drawn}, {"binary_data_output": True})
    return Call({v2.LENGTH_HEADER.lower(): str(length)}.get, "", body, "steps", 0.0)


def _json(rows: list[list[float]]) -> bytes:
    lists = ",".join("[" + ",".join(map(str, row)) + "]" for row in rows)
    return f'{{"instances":[{lists}]}}'.encode()


def steps(served: Served, backend: OnnxRuntimeBackend, protocol: PredictionProtocol, rows: int) -> list[str]:
    """Microseconds of each step of one request."""
    call, meters = call_of(protocol, rows), Metrics().of(served)
    decoded = protocol.decode(served, call, rows)
    answer = backend.at_once(served, decoded.tensors)
    output = checked(served, answer, rows)

    def count() -> None:
        meters.batch_rows.observe(rows)
        meters.predicted(decoded.tensors, output)
        meters.answered(protocol.name, 200, 0.001)

    timed: list[Callable[[], object]] = [
        lambda: protocol.decode(served, call, rows),
        lambda: backend.at_once(served, decoded.tensors),
        lambda: checked(served, answer, rows),
        count,
        lambda: decoded.render(output),
    ]
    taken = [microseconds(one) for one in timed]
    return [f"{one:.1f}" for one in (*taken, sum(taken))]


def microseconds(function: Callable[[], object]) -> float:
    """The best of some rounds."""
    return min(timeit.repeat(function, number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


def under_load(server: Server, cell: Cell, model: Published, folder: Path) -> list[str]:
    """Rate, latency and CPU time a request of each kind of process."""
    with server.running(place_for(model, folder, cores.choose())) as running:
        running.measure(cell, max(server.warm_up, 1))
        before = cpu(running)
        sample = running.measure(cell, SECONDS)
        after = cpu(running)
    requests = sample.rate * SECONDS
    each = {role: (after[role] - before[role]) / requests * 1e6 for role in after}
    greatest_first = sorted(each.items(), key=lambda one: -one[1])
    split = ", ".join(f"{role} {value:.0f}" for role, value in greatest_first if value >= 1)
    return [server.title, str(cell), f"{sample.rate:,.0f}", f"{sample.p50:.2f}", f"{sum(each.values()):.0f}", split]


def cpu(running: RunningServer) -> Counter[str]:
    """CPU seconds so far, by role."""
    total: Counter[str] = Counter()
    for one in running.tree.members():
        words = " ".join(one.cmdline())
        role = next((role for word, role in ROLES if word in words), "the rest")
        times = one.cpu_times()
        total[role] += times.user + times.system  # type: ignore[assignment]
    return total


def sections(folder: Path) -> Iterator[str]:
    """Both tables."""
    model = publish("mlp", folder / "model")
    served = next(iter(load(Registry(model.registry), {"mlp": 1}, "onnx")))
    backend = OnnxRuntimeBackend([served], "cpu")
    head = ["µs", "check and encode", "ONNX Runtime", "check the answer", "count, drift", "write", "together"]
    with cores.on(cores.choose().server):
        yield table(head, ([title, *steps(served, backend, protocol, rows)] for title, protocol, rows in REQUESTS))
    rows = []
    for number, (made, cell) in enumerate(UNDER_LOAD):
        _say(f"{made.title}, {cell}")
        rows.append(under_load(made(), cell, model, folder / str(number)))
    yield table(["server", "request", "requests/s", "p50 ms", "CPU µs a request", "of which"], rows)


def _say(line: str) -> None:
    print(f"steps: {line}", file=sys.stderr, flush=True)


def main() -> int:
    """Print both tables."""
    folder = Path(tempfile.mkdtemp(prefix="ms-"))
    try:
        libraries.SERVING.install(_say)
        for section in sections(folder):
            print(section, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
