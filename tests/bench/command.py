"""The command line: install what is missing, publish the models, run the rounds, write the page."""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench import conditions, contestants, cores, libraries, load, report, rounds
from tests.bench.cells import CELLS
from tests.bench.contestants.base import JAVA_WARM_UP, Contestant
from tests.bench.errors import BenchError
from tests.bench.model import publish
from tests.bench.tree import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
# Beside what is asked for: a contestant's start, checks and end, and what a measurement takes of its own.
_START_SECONDS, _CELL_SECONDS = 4.0, 0.3


def main(words: Sequence[str] | None = None) -> int:
    """0 when every contestant was measured; 1 with a sentence when not; 130 after Ctrl-C."""
    given = _arguments(words)
    return guarded(lambda: _run(given))


def guarded(run: Callable[[], int]) -> int:
    """Run; an end by BenchError is one sentence and 1, one by Ctrl-C or SIGTERM 130."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return run()
    except BenchError as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: stopped; nothing was written.", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(given: argparse.Namespace) -> int:
    wrk = load.find_wrk()
    chosen = contestants.chosen(given.only)
    models = _models(given.models)
    if {one.name for one in chosen} & {"flask", "fastapi", "bare"}:
        libraries.SERVING.install(say)
    placed = cores.choose()
    taken = conditions.take(placed, version(wrk), _command(given))
    say(_announced(chosen, models, given))
    folder = Path(tempfile.mkdtemp(prefix="mb-"))
    try:
        say("publishing the models")
        published = [publish(name, folder) for name in models]
        results = rounds.run(chosen, published, rounds.Run(given.rounds, given.seconds, placed, folder, say))
        results.code_after = conditions.code_digest()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    page = report.render(taken, results, chosen, given.rounds, given.seconds)
    print(page)
    whole = chosen == contestants.ALL and models == list(CELLS)
    target = given.report or (PAGE if whole else None)
    if target is None:
        say("part of the benchmark only: docs/benchmarks.md is left as it is (--report FILE writes one)")
    else:
        target.write_text(page, encoding="utf-8")
        say(f"written: {target.name}")
    return 1 if results.out else 0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Compare Mulgam with what its users would take instead, on this machine, over loopback.",
    )
    names = ", ".join(one.name for one in contestants.ALL)
    parser.add_argument("--rounds", type=count, default=5, metavar="N", help="rounds (default: 5)")
    parser.add_argument("--seconds", type=count, default=2, metavar="S", help="for each cell, whole (default: 2)")
    parser.add_argument("--only", default="", metavar="NAME,…", help=f"contestants, of {names} (default: all)")
    parser.add_argument("--models", default="", metavar="NAME,…", help=f"models, of {', '.join(CELLS)} (default: all)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="default: docs/benchmarks.md after a whole run")
    return parser.parse_args(words)


def count(text: str) -> int:
    """A number of rounds or seconds from the command line."""
    value = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= value <= 60:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 60")
    return value


# Of the option `--warm-up`, for whoever tries a benchmark out: figures of a cold Java are no server's.
WARM_UP: Mapping[str, Any] = {
    "type": count, "default": JAVA_WARM_UP, "metavar": "S",
    "help": "of load before anything counts, at most (default: %(default)s, what Java needs)",
}  # fmt: skip


def _models(text: str) -> list[str]:
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    for name in wanted:
        if name not in CELLS:
            raise BenchError(f"{name!r} is no model of the benchmark; there are {', '.join(CELLS)}.")
    return [name for name in CELLS if name in wanted] or list(CELLS)


def _command(given: argparse.Namespace) -> str:
    if given.report is None:
        only = f" ONLY={given.only}" if given.only else ""
        models = f" MODELS={given.models}" if given.models else ""
        return f"make bench ROUNDS={given.rounds} SECONDS={given.seconds}{only}{models}"
    chosen = {"only": given.only, "models": given.models}
    return module_command("tests.bench", given, {name: value for name, value in chosen.items() if value})


def module_command(module: str, given: argparse.Namespace, chosen: Mapping[str, str]) -> str:
    """What does the same where `make` has no word for it. The page is for others: no folder of this machine."""
    words = {"rounds": given.rounds, "seconds": given.seconds, **chosen}
    if given.report is not None:
        report = given.report.resolve()
        words["report"] = report.relative_to(ROOT) if report.is_relative_to(ROOT) else report.name
    return f"python -m {module} " + " ".join(f"--{name} {value}" for name, value in words.items())


def _announced(chosen: Sequence[Contestant], models: Sequence[str], given: argparse.Namespace) -> str:
    return (
        f"{len(chosen)} contestants, {given.rounds} rounds: {given.rounds} × {_round_seconds(chosen, models, given)} s,"
        f" about {minutes(given.rounds * _round_seconds(chosen, models, given))} minutes; Ctrl-C stops all"
    )


def _round_seconds(chosen: Sequence[Contestant], models: Sequence[str], given: argparse.Namespace) -> int:
    """About how long a round takes: starting and stopping, warming up, and each cell."""
    total = 0.0
    for name in models:
        for one in chosen:
            cells = [cell for cell in CELLS[name] if one.takes(cell)]
            bulk = {cell.form for cell in cells if cell.rows > 1}
            warm_up = one.warm_up + len(bulk) if one.warm_up else 0
            total += _START_SECONDS + warm_up + len(cells) * (given.seconds + _CELL_SECONDS) if cells else 0
    return round(total)


def minutes(seconds: float) -> int:
    """Whole ones, at least 1."""
    return max(1, round(seconds / 60))


def version(wrk: str) -> str:
    """What a wrk says it is."""
    printed = subprocess.run([wrk, "-v"], capture_output=True, text=True, check=False).stdout
    return " ".join(printed.split()[:2])


def say(line: str) -> None:
    """Tell whoever runs it."""
    print(f"bench: {line}", file=sys.stderr, flush=True)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
