"""`python -m model [RECIPE ...]`: from recipe to published version. `train` reads like the way of a run."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from model.command import Order, Refused, order
from model.data import sources
from model.data.description import features
from model.data.graph_inputs import encoded
from model.data.split import Split, split
from model.data.table import Table
from model.networks.building import build
from model.networks.served import Served, answers, prepared
from model.recipe.reading import load
from model.recipe.sections import Recipe
from model.recipe.writing import dumps
from model.release import baseline_histograms, environment
from model.release.promise import signature
from model.release.release import Documents, release
from model.report.page import page
from model.report.summary import opening, outcome
from model.resolving import resolve
from model.scores import standing
from model.training import loop
from model.training.losses import LOSSES
from model.training.progress import watch
from model.training.run_folder import RunFolder
from mulgam.errors import MulgamError
from mulgam.registry import Entry, Registry
from mulgam.signature import Feature

INTERRUPTED = 130


def train(recipe: Recipe, registry: Registry, runs: Path) -> Entry:
    """Train one recipe and publish it.

    Raises:
        ModelError: the recipe, its table or the training is at fault.
        RegistryError: the registry can't be written.
    """
    table = sources.rows(recipe)
    recipe = resolve(recipe, table)
    print(opening(recipe, table), flush=True)
    kind, *further = recipe.data.split
    parts = split(table, kind, recipe.training.seed)
    folder = RunFolder.create(runs, recipe.name)
    described = features(table, parts.train)
    module, history = fitted(recipe, table, described, parts, folder)
    held_out = encoded(table, described, parts.test)
    predicted = answers(module, held_out)
    standings = [standing.compare(table, described, parts, kind, predicted, recipe.training.seed)]
    standings += [scored(recipe, table, other) for other in further]
    promise = signature(recipe, table, described, parts.train)
    documents = Documents(
        metrics=standing.metrics(standings, len(history.epochs), history.best),
        baseline=baseline_histograms.document(table, described, parts.train, predicted),
        environment=environment.document(
            table,
            loop.device(recipe.training.device),
            loop.threads(module.network, recipe.training.batch_size),
            recipe.training.seed,
        ),
        recipe=dumps(recipe),
        report=lambda comparisons: page(promise, table, standings, history, comparisons, dumps(recipe)),
    )
    entry = release(module, promise, held_out, registry, documents)
    print(outcome(standings, history, entry))
    return entry


def fitted(
    recipe: Recipe, table: Table, described: tuple[Feature, ...], parts: Split, folder: RunFolder | None = None
) -> tuple[Served, loop.History]:
    """A served module trained on one division of the rows, and how its training went."""
    module = build(recipe, table, described, parts.train)
    rows, validation = (
        prepared(module, encoded(table, described, part), table.target[part])
        for part in (parts.train, parts.validation)
    )
    assert recipe.training.loss is not None  # resolved
    loss = LOSSES[table.task][recipe.training.loss]
    with watch(recipe.name, recipe.training.epochs) as watcher:
        history = loop.fit(module.network, rows, validation, loss, recipe.training, watcher, folder)
    return module.eval(), history


def scored(recipe: Recipe, table: Table, kind: str) -> standing.Standing:
    """The scores on another division of the rows, of a model that is trained for that only."""
    parts = split(table, kind, recipe.training.seed)
    described = features(table, parts.train)
    module, _ = fitted(recipe, table, described, parts)
    predicted = answers(module, encoded(table, described, parts.test))
    return standing.compare(table, described, parts, kind, predicted, recipe.training.seed)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code: 0, 1 for an error (one sentence on stderr), 2 for wrong usage, 130."""
    try:
        return _run(order(arguments))
    except Refused as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    except MulgamError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the run under way published nothing.", file=sys.stderr)
        return INTERRUPTED


def _run(given: Order) -> int:
    # All recipes before any training: a slip in the last one should not show after an hour.
    recipes = [given.applied(load(path)) for path in given.recipes]
    registry = Registry(given.registry)
    with registry.staging():
        pass  # the same for a registry that can't be written
    for recipe in recipes:
        started = time.monotonic()
        train(recipe, registry, given.runs)
        print(f"  took {time.monotonic() - started:.1f} s\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
