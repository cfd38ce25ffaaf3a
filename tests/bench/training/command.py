"""The command line: what is still to be measured, measure it, write the page."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mulgam.errors import MulgamError
from tests.bench import conditions, libraries
from tests.bench.errors import BenchError
from tests.bench.training import contestants, datasets, latency, report
from tests.bench.training.contestants import BY_NAME
from tests.bench.training.division import divide, scores
from tests.bench.training.results import Result, Results
from tests.bench.tree import ROOT

PAGE = ROOT / "docs" / "training-benchmarks.md"
FOLDER, RESULTS = ROOT / "runs" / "bench-training", "results.jsonl"
LIBRARIES = ("torch", "numpy", "scikit-learn", "lightgbm", "catboost", "onnxruntime")
# Rows of a table in a quick run.
FEW = 300
Unit = tuple[str, str, int]


def main(words: Sequence[str] | None = None) -> int:
    """0 when all is measured; 1 with a sentence where not; 130 after Ctrl-C. The page is written anyway."""
    given = _arguments(words)
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(given)
    except (BenchError, MulgamError) as problem:
        print(f"bench-train: {problem}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(given: argparse.Namespace) -> int:
    folder = given.folder or (FOLDER / "quick" if given.quick else FOLDER)
    results = Results(folder / RESULTS)
    units = chosen(given.only, given.seeds)
    if any(BY_NAME[name].extra for _, name, _ in units if name in BY_NAME):
        libraries.TRAINING.install(_say)
    missing = [unit for unit in units if given.again or unit not in results]
    _say(f"{len(units) - len(missing)} of {len(units)} results are there; Ctrl-C stops, the same command goes on")
    failed: list[str] = []
    try:
        for number, unit in enumerate(missing, start=1):
            _say(f"{number} of {len(missing)}: {unit[0]}, {unit[1]}, seed {unit[2]}")
            try:
                results.add(result := _measured(unit, given.quick))
            except (BenchError, MulgamError) as problem:
                _say(f"failed: {problem}")
                failed.append(f"{'/'.join(map(str, unit))}: {problem}")
            else:
                _say(", ".join(f"{name} {value:.4g}" for name, value in result.scores.items()))
    except KeyboardInterrupt:
        _write(given, folder)
        print("bench-train: stopped; what was measured is kept.", file=sys.stderr)
        return 130
    _write(given, folder)
    return 1 if failed else 0


def _write(given: argparse.Namespace, folder: Path) -> None:
    results = Results(folder / RESULTS)  # read anew: another part may have been measured at the same time
    target = given.report or (folder / "page.md" if given.quick else PAGE)
    target.write_text(report.render(results, conditions.machine(), os.cpu_count() or 1), encoding="utf-8")
    _say(f"written: {target.name}")


def _measured(unit: Unit, quick: bool) -> Result:
    table, name, seed = unit
    is_latency = table == latency.NAME
    (dataset,) = (one for one in datasets.ALL if one.name == ("california" if is_latency else table))
    with tempfile.TemporaryDirectory(prefix="mbt-") as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn and LightGBM: feature names, iteration limits
        dataset.write(Path(place), FEW if quick else None)
        division = divide(dataset, Path(place), seed, quick)
        cpu, wall = time.process_time(), time.monotonic()
        if is_latency:
            found = latency.measure(division, contestants.NETWORKS)
            seconds = time.process_time() - cpu, time.monotonic() - wall
        else:
            model = BY_NAME[name].fit(division)
            seconds = time.process_time() - cpu, time.monotonic() - wall
            found = scores(division, model)
    return Result(
        table, name, seed, found, round(seconds[0], 2), round(seconds[1], 2), round(os.getloadavg()[0], 2),
        conditions.date(), conditions.commit(), conditions.versions(LIBRARIES),
    )  # fmt: skip


def chosen(only: str, seeds: int) -> list[Unit]:
    """Table, contestant, seed of everything that the patterns name; by table, then contestant."""
    everything = [(one.name, other.name) for one in datasets.ALL for other in contestants.of(one)]
    everything.append((latency.NAME, latency.CONTESTANT))
    patterns = [word if "/" in word else f"{word}/*" for word in (part.strip() for part in only.split(",")) if word]
    for pattern in patterns:
        if not any(fnmatchcase("/".join(one), pattern) for one in everything):
            tables = ", ".join(dict.fromkeys(table for table, _ in everything))
            raise BenchError(f"{pattern!r} names nothing; there are the tables {tables}, each with contestants.")
    return [
        (table, name, seed)
        for table, name in everything
        if not patterns or any(fnmatchcase(f"{table}/{name}", pattern) for pattern in patterns)
        for seed in range(1 if table == latency.NAME else seeds)
    ]


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.training",
        description="Train Mulgam's models and what a practitioner would else take on the same rows of public tables.",
    )
    tables = ", ".join(one.name for one in datasets.ALL)
    parser.add_argument("--seeds", type=_count, default=3, metavar="N", help="divisions of each table (default: 3)")
    parser.add_argument("--only", default="", metavar="TABLE[/CONTESTANT],…",
                        help=f"with * and ?; tables: {tables}, {latency.NAME} (default: all)")  # fmt: skip
    parser.add_argument("--again", action="store_true", help="measure also what is there, as after a change of model/")
    parser.add_argument("--quick", action="store_true", help="few rows, one epoch: whether it runs, no figures")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="of the results (default: runs/bench-training)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="default: docs/training-benchmarks.md")
    return parser.parse_args(words)


def _count(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 100")
    return value


def _say(line: str) -> None:
    print(f"bench-train: {line}", file=sys.stderr, flush=True)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
