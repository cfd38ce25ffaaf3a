"""What was asked for on the command line and in the environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from model.recipe.sections import DEFAULTS, DEVICES, Recipe
from mulgam.terminal import Parser

DEVICE_VARIABLE = "MULGAM_DEVICE"

_NOTES = """\
the smallest recipe:
  name = "california"
  [data]
  path = "housing.csv"           # CSV, TSV or Parquet, relative to the recipe
  target = "median_house_value"  # the column to predict

every key and its default: docs/recipes.md
exit status: 0 published, 1 error (nothing published for that recipe), 2 wrong usage, 130 interrupted
"""


class Refused(Exception):
    """Wrong usage, in one sentence."""


@dataclass(frozen=True)
class Order:
    """Recipes to train, where to publish, where to keep logs; `device` overrides the recipes' own.

    `resume`: go on with interrupted runs. `promote`: serve what is published, whatever the scores say. `sign_with`: the
    key that signs what is published.
    """

    recipes: tuple[Path, ...]
    registry: Path
    runs: Path
    device: str | None
    resume: bool = False
    promote: bool = False
    sign_with: Path | None = None

    def applied(self, recipe: Recipe) -> Recipe:
        """The recipe with what the command line overrides."""
        if self.device is None:
            return recipe
        return replace(recipe, training=replace(recipe.training, device=self.device))


def order(arguments: Sequence[str] | None = None) -> Order:
    """Read the command line (None: the process's own).

    Raises:
        Refused: the environment holds a device that is none.
        SystemExit: wrong usage (2) or --help (0), after argparse told so.
    """
    given = _parser().parse_args(arguments)
    device = device_of(given.device)
    recipes = tuple(given.recipes) or DEFAULTS
    return Order(recipes, given.registry, given.runs, device, given.resume, given.promote, given.sign_with)


def device_of(given: str | None) -> str | None:
    """The device that the command line or the environment names; raises Refused where it is none."""
    device = given or os.environ.get(DEVICE_VARIABLE) or None
    if device is not None and device not in DEVICES:
        raise Refused(f"{DEVICE_VARIABLE} is {device!r}; it must be one of {', '.join(DEVICES)}.")
    return device


def _parser() -> Parser:
    parser = Parser(
        "mulgam train",
        "Train models from recipes, verify their exports and publish them into the registry.",
        [
            ("mulgam train", "the two default models"),
            ("mulgam train mine.toml --promote", "your own, served at once"),
            ("mulgam train mine.toml --resume", "after Ctrl-C, or a crash"),
        ],
        _NOTES,
    )
    parser.add_argument(
        "recipes", nargs="*", type=Path, metavar="RECIPE", help="TOML files; none: the two default models"
    )
    parser.add_registry("where to publish")
    parser.add_signing()
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="logs and checkpoints")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the last run of each recipe where it was interrupted; what was published is left alone",
    )
    parser.add_argument(
        "--promote",
        action="store_true",
        help="make the new version the default, though it may be worse than the one that is served",
    )
    parser.add_argument(
        "--device",
        choices=DEVICES,
        help=f"overrides the recipe (auto: a GPU if there is one); also {DEVICE_VARIABLE}",
    )
    return parser
