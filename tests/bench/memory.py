"""`python -m tests.bench.memory`: how much memory the training on a large table takes, above what the imports take.

It makes a table of normal numbers as CSV and as Parquet, and trains one epoch on each in a process of its own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

RECIPE = """\
name = "large"
[data]
path = "{file}"
target = "y"
[training]
epochs = 1
batch_size = 1024
"""
# All that a run imports at some time, so that none of it counts as the table's.
IMPORTS = (
    "model.__main__", "matplotlib.figure", "onnx", "onnxruntime", "onnxscript", "pyarrow.parquet", "sklearn.compose",
    "sklearn.datasets", "sklearn.ensemble", "sklearn.linear_model", "torch.onnx", "torch._dynamo",
)  # fmt: skip
_BLOCK = 10_000
MB = 1e6


@dataclass(frozen=True)
class Measured:
    """One run: size of its file, seconds of reading it, peak memory above the imports while reading and in all [MB]."""

    file: float
    reading_seconds: float
    reading: float
    peak: float


def write(folder: Path, rows: int, columns: int) -> None:
    """`table.csv` and `table.parquet` with the same numbers, and a recipe for each."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    names = [*(f"x{place}" for place in range(columns)), "y"]
    schema = pa.schema([(name, pa.float64()) for name in names])
    with (folder / "table.csv").open("w") as text, pq.ParquetWriter(folder / "table.parquet", schema) as parquet:
        text.write(",".join(names) + "\n")
        for start in range(0, rows, _BLOCK):
            block = rng.normal(size=(min(_BLOCK, rows - start), columns + 1)).round(6)
            block[:, -1] = (block[:, 0] + block[:, 1] ** 2 + 0.1 * block[:, -1]).round(6)
            text.writelines(",".join(map(repr, row)) + "\n" for row in block.tolist())
            parquet.write_table(pa.table(dict(zip(names, block.T, strict=True)), schema=schema))
    for name in ("csv", "parquet"):
        (folder / f"{name}.toml").write_text(RECIPE.format(file=f"table.{name}"))


def measure(recipe: Path) -> Measured:
    """Train a recipe in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.memory", "--recipe", str(recipe)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Measured(**json.loads(ended.stdout.splitlines()[-1]))


def _run(recipe: Path) -> Measured:
    """Train a recipe in this process."""
    for name in IMPORTS:
        importlib.import_module(name)
    from model.__main__ import main
    from model.data import sources

    before = _memory("VmRSS")
    read = sources.rows
    found: list[float] = []

    def timed(*arguments: object) -> object:
        started = time.perf_counter()
        table = read(*arguments)  # type: ignore[arg-type]
        found.extend((time.perf_counter() - started, _memory("VmHWM") - before))
        return table

    sources.rows = timed  # type: ignore[assignment]
    registry = recipe.parent / f"registry-{recipe.stem}"
    if main([str(recipe), "--registry", str(registry), "--runs", str(recipe.parent / "runs")]):
        raise SystemExit(1)
    size = recipe.with_name(f"table.{recipe.stem}").stat().st_size / MB
    return Measured(size, found[0], found[1], _memory("VmHWM") - before)


def _memory(name: str) -> float:
    """A line of this process's status [MB]."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / MB for line in lines if line.startswith(name))


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--recipe", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.recipe is not None:
        print(json.dumps(asdict(_run(given.recipe))))
        return
    table = given.rows * given.columns * 4 / MB
    print(f"{given.rows:,} rows x {given.columns} columns: {table:.0f} MB in float32; {os.cpu_count()} cores")
    print("| file | size | read in | peak while reading | peak of the run | x the table |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), given.rows, given.columns)
        for name in ("csv", "parquet"):
            found = measure(Path(folder) / f"{name}.toml")
            print(
                f"| {name} | {found.file:.0f} MB | {found.reading_seconds:.1f} s | {found.reading:.0f} MB |"
                f" {found.peak:.0f} MB | {found.peak / table:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
