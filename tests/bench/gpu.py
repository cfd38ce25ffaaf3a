"""`python -m tests.bench.gpu`: a model on a GPU, bare and served, and where the time of a request goes.

It prints tables in Markdown; where there is no GPU, why nothing was measured. `--device cpu` tries it without one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.settings import Settings
from tests.bench import command, conditions, load
from tests.bench.cells import Cell
from tests.bench.contestants.base import RunningServer, place_for
from tests.bench.contestants.mulgam import Mulgam, MulgamEmbedded, MulgamTorchServe
from tests.bench.cores import Cores
from tests.bench.errors import BenchError
from tests.bench.model import HIDDEN, Published, publish
from tests.bench.report import number, reached, table
from tests.bench.tree import ROOT
from tests.processes import call, free_port

ROWS = (1, 64, 4096)
AIM = 0.9
# Enough of them that the GPU is never without work while answers are written.
CONNECTIONS = 4
# Title, contestant, runtime.
SERVED: tuple[tuple[str, type[Mulgam], str], ...] = (
    ("TorchServe, TorchScript", MulgamTorchServe, "torchscript"),
    ("TorchServe, ONNX Runtime", MulgamTorchServe, "onnx"),
    ("in process, ONNX Runtime", MulgamEmbedded, "onnx"),
)
# Nothing is pinned: what feeds a GPU may have every core.
_ANYWHERE = Cores(None, None)


@dataclass(frozen=True)
class Asked:
    """Of the command line: the device, the seconds for each figure, rows a request, and at most so long a warm-up."""

    device: str
    seconds: int
    rows: tuple[int, ...]
    warm_up: int


def bare(model: Published, runtime: str, device: str, rows: int, seconds: int) -> float:
    """Seconds of one call without any server; raises BenchError where it fails."""
    version = model.onnx.parent
    words = [sys.executable, "-m", "tests.bench.apps.runtime_loop", runtime, device, version, rows, seconds]
    ended = subprocess.run([str(word) for word in words], cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise BenchError(f"{runtime} alone failed: {ended.stderr.strip()[-300:]}")
    told = json.loads(ended.stdout)
    return float(told["seconds"] / told["calls"])


def measured(
    title: str, made: type[Mulgam], runtime: str, model: Published, asked: Asked, folder: Path
) -> Iterator[list[str]]:
    """A row of the table for each number of rows."""
    admin_port = free_port()
    server = made(device=asked.device, runtime=runtime, admin_port=str(admin_port))
    with server.running(place_for(model, folder, _ANYWHERE)) as running:
        running.measure(Cell(model.name, 1, "binary", CONNECTIONS), min(server.warm_up, asked.warm_up))
        for rows in asked.rows:
            cell = Cell(model.name, rows, "binary", 1)
            running.measure(cell, 1)
            whole, in_backend = _alone(running, cell, admin_port, asked.seconds)
            many = running.measure(Cell(model.name, rows, "binary", CONNECTIONS), asked.seconds)
            of_model = bare(model, runtime, asked.device, rows, asked.seconds)
            yield row(title, rows, whole, in_backend, of_model, many.rate * rows)


def row(title: str, rows: int, whole: float, in_backend: float, of_model: float, rows_rate: float) -> list[str]:
    """Of seconds: the whole request at one caller, the backend's part of it, a bare call; and of rows/s at several."""
    share = rows_rate * of_model / rows
    return [
        title, str(rows), number(whole * 1e3),
        *(f"{part / whole:.0%}" for part in (whole - in_backend, max(0.0, in_backend - of_model), of_model)),
        number(rows_rate), number(rows / of_model), number(share),
        f"≥ {AIM:g}: {reached(share, AIM, less_is_better=False)}" if rows == max(ROWS) else "–",
    ]  # fmt: skip


def chosen(model: Published, folder: Path) -> str:
    """What `DEVICE=auto` says that it chose, and by which times."""
    with MulgamEmbedded(device="auto").running(place_for(model, folder, _ANYWHERE)):
        lines = (folder / "log").read_text(errors="replace").splitlines()
    said = [line for line in lines if "is served by the" in line]
    return json.loads(said[0])["message"] if said else f"{model.name} is served by the CPU: there was nothing to choose"


def sections(name: str, asked: Asked, folder: Path) -> Iterator[str]:
    """The tables."""
    published = {one: publish(one, folder) for one in HIDDEN}
    rows: list[list[str]] = []
    for place, (title, made, runtime) in enumerate(SERVED):
        command.say(f"{title} on {asked.device}")
        rows += measured(title, made, runtime, published[name], asked, folder / str(place))
    head = [
        "served by", "rows a request", "ms c=1", "of it gateway and HTTP", "backend beside the model", "model",
        f"rows/s c={CONNECTIONS}", "bare model's rows/s", "share", "aim",
    ]  # fmt: skip
    yield table(head, rows)
    yield "\n".join(f"- {chosen(model, folder / f'auto-{model.name}')}" for model in published.values())


def _alone(running: RunningServer, cell: Cell, admin_port: int, seconds: int) -> tuple[float, float]:
    """Seconds of a request of one caller, and what of it the backend took."""
    before = _backend(admin_port)
    sample = running.measure(cell, seconds)
    after = _backend(admin_port)
    return 1 / sample.rate, (after[0] - before[0]) / max(1.0, after[1] - before[1])


def _backend(admin_port: int) -> tuple[float, float]:
    """Seconds that the backend took so far, and of how many calls."""
    lines = call(admin_port, "GET", "/metrics").body.decode().splitlines()
    found = (
        sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"mulgam_backend_seconds_{name}{{"))
        for name in ("sum", "count")
    )
    return next(found), next(found)


def main(words: Sequence[str] | None = None) -> int:
    """0 also where there is no GPU: that is told, and no failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gpu", description=__doc__)
    parser.add_argument("--seconds", type=command.count, default=5, metavar="S", help="for each figure (default: 5)")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu", help="cpu: to try this without a GPU")
    parser.add_argument("--model", choices=tuple(HIDDEN), default="heavy", help="default: heavy")
    parser.add_argument(
        "--rows", type=row_counts, default=ROWS, metavar="N,…", help="rows a request (default: 1,64,4096)"
    )
    parser.add_argument("--warm-up", **command.WARM_UP)
    given = parser.parse_args(words)
    reason = conditions.missing_gpu() if given.device == "gpu" else ""
    if reason:
        print(f"Not run: {reason}.")
        return 0
    asked = Asked(given.device, given.seconds, given.rows, given.warm_up)
    return command.guarded(lambda: _run(given.model, asked))


def row_counts(text: str) -> tuple[int, ...]:
    """Rows a request, from the command line; no service takes more than its default limit."""
    found = tuple(int(word) if word.isascii() and word.isdigit() else 0 for word in text.split(","))
    if not all(1 <= one <= Settings().max_rows for one in found):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers from 1 to {Settings().max_rows}")
    return found


def _run(name: str, asked: Asked) -> int:
    load.find_wrk()
    folder = Path(tempfile.mkdtemp(prefix="mg-"))
    try:
        print(f"{name}; {conditions.date()}, {conditions.machine()}, {conditions.versions(conditions.OURS)}\n")
        for section in sections(name, asked, folder):
            print(f"{section}\n", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
