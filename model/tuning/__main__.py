"""`python -m model.tuning RECIPE --trials N`: better values for a recipe's keys, and a recipe that has them."""

from __future__ import annotations

from mulgam import interruption

if __name__ == "__main__":
    interruption.end_quietly()  # what follows imports torch

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from model.command import DEVICE_VARIABLE, Order, Refused, device_of
from model.data import sources
from model.errors import ModelError
from model.recipe.reading import load
from model.recipe.sections import DEVICES
from model.tuning import recipe_file
from model.tuning.study import Tuned, tune
from mulgam.errors import MulgamError
from mulgam.terminal import Parser

_NOTES = """\
tuned: learning_rate, weight_decay, dropout, hidden, the kind where others can stand for it, the size of an ensemble
where the recipe has one. The held-out rows are not looked at. Trials that stay behind the median are given up.
Everything is in RUNS/<name>/: study.db, from which the same command goes on, and tuned.toml, the best recipe.
exit status: 0 done, 1 error, 2 wrong usage, 130 interrupted (what is done is kept)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    interruption.raise_again()
    given = _parser().parse_args(arguments)
    try:
        device = device_of(given.device)
        recipe = Order((given.recipe,), Path(), given.runs, device).applied(load(given.recipe))
        folder = given.runs / recipe.name
        print(f"Tuning {recipe.name!r} in {folder}; Ctrl-C keeps what is done.", flush=True)
        tuned = tune(recipe, sources.rows(recipe), folder, given.trials, lambda line: print(line, flush=True))
        path = _written(folder / "tuned.toml", recipe_file.text(recipe, tuned, folder))
    except Refused as problem:
        print(f"mulgam tune: {problem}", file=sys.stderr)
        return 2
    except MulgamError as problem:
        print(f"mulgam tune: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nmulgam tune: interrupted; the same command goes on after the trials that are done.", file=sys.stderr)
        return interruption.INTERRUPTED
    print(_summary(tuned, path))
    return 0


def _summary(tuned: Tuned, path: Path) -> str:
    return (
        f"\nBest of {tuned.done} trials: {tuned.score} {tuned.best:.4g} on validation rows (trial {tuned.best_trial});"
        f" the recipe's own values gave {tuned.before:.4g}.\n{path} has it: make train RECIPE={path}"
    )


def _written(path: Path, content: str) -> Path:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as problem:
        raise ModelError(f"{path} can't be written: {problem.strerror}.") from problem
    return path


def _parser() -> Parser:
    parser = Parser(
        "mulgam tune",
        "Look for better values of a recipe's keys.",
        [
            ("mulgam tune mine.toml --trials 50", "called again, it goes on"),
            ("mulgam train runs/mine/tuned.toml", "the best of them"),
        ],
        _NOTES,
    )
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a TOML file")
    parser.add_argument("--trials", type=_count, default=30, metavar="N", help="in all")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the study is kept")
    parser.add_argument("--device", choices=DEVICES, help=f"overrides the recipe; also {DEVICE_VARIABLE}")
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
