"""The command line: publish the model, run the rounds, write the page."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench import command, conditions, cores, load
from tests.bench.contestants.base import JAVA_WARM_UP
from tests.bench.errors import BenchError
from tests.bench.model import publish
from tests.bench.tree import ROOT
from tests.bench.under_load import parts, report
from tests.bench.under_load.bench import Bench, Part

PAGE = ROOT / "docs" / "benchmarks-load.md"


def main(words: Sequence[str] | None = None) -> int:
    """0 when every part was measured; 1 with a sentence when not; 130 after Ctrl-C."""
    given = _arguments(words)
    return command.guarded(lambda: _run(given))


def _run(given: argparse.Namespace) -> int:
    wrk = load.find_wrk()
    chosen = parts.chosen(given.only)
    placed = cores.choose()
    taken = conditions.take(placed, command.version(wrk), _command(given), conditions.OURS)
    minutes = command.minutes(given.rounds * sum(part.seconds(given.seconds) for part in chosen))
    command.say(f"{len(chosen)} parts, {given.rounds} rounds: about {minutes} minutes; Ctrl-C stops all")
    folder = Path(tempfile.mkdtemp(prefix="ml-"))
    try:
        command.say("publishing the model")
        model = publish("mlp", folder)
        bench = Bench(model, given.rounds, given.seconds, placed, folder, command.say, given.warm_up)
        out = _rounds(bench, chosen)
        code_after = conditions.code_digest()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    page = report.render(taken, bench, chosen, out, code_after)
    print(page)
    target = given.report or (PAGE if _is_whole(given) else None)
    if target is None:
        command.say("not the whole benchmark: docs/benchmarks-load.md is left as it is (--report FILE writes one)")
    else:
        target.write_text(page, encoding="utf-8")
        command.say(f"written: {target.name}")
    return 1 if out else 0


def _is_whole(given: argparse.Namespace) -> bool:
    """Whether its figures may be those of the docs."""
    return not given.only and given.warm_up == JAVA_WARM_UP


def _command(given: argparse.Namespace) -> str:
    is_warm = given.warm_up == JAVA_WARM_UP
    if given.report is None and is_warm:
        only = f" ONLY={given.only}" if given.only else ""
        return f"make bench-load ROUNDS={given.rounds} SECONDS={given.seconds}{only}"
    chosen = {"only": given.only, "warm-up": "" if is_warm else str(given.warm_up)}
    return command.module_command(
        "tests.bench.under_load", given, {name: value for name, value in chosen.items() if value}
    )


def _rounds(bench: Bench, chosen: Sequence[Part]) -> dict[str, str]:
    """Measure; returns which part is out, and why."""
    out: dict[str, str] = {}
    for number in range(bench.rounds):
        for part in chosen:
            if part.name in out:
                continue
            bench.say(f"round {number + 1} of {bench.rounds}: {part.title}")
            try:
                part.round(bench)
            except (BenchError, OSError) as problem:
                out[part.name] = str(problem)
                bench.say(f"  out: {problem}")
    return out


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.under_load",
        description="Measure Mulgam under load that comes by itself, beside abuse, on two cores, with its extras.",
    )
    names = ", ".join(one.name for one in parts.ALL)
    parser.add_argument("--rounds", type=command.count, default=3, metavar="N", help="rounds (default: 3)")
    parser.add_argument(
        "--seconds", type=command.count, default=4, metavar="S", help="for each measurement (default: 4)"
    )
    parser.add_argument(
        "--only", default="", metavar="NAME,…", help=f"parts, of {names}; abuse/drip: one kind of it (default: all)"
    )
    parser.add_argument("--warm-up", **command.WARM_UP)
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="default: docs/benchmarks-load.md after a whole run"
    )
    return parser.parse_args(words)
