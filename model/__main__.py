"""`python -m model [RECIPE ...]`: from recipe to published version. `train` reads like the way of a run."""

from __future__ import annotations

import errno
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mulgam import interruption

if __name__ == "__main__":
    interruption.end_quietly()  # what follows imports torch

from model.command import Order, Refused, order
from model.data import sources
from model.data.graph_inputs import encoded
from model.data.table import Table
from model.fitting import divided, fitted
from model.networks.served import answers
from model.recipe.reading import load
from model.recipe.sections import Recipe
from model.recipe.writing import dumps
from model.release import baseline_histograms, environment, predecessor
from model.release.promise import signature
from model.release.release import Documents, release
from model.report.page import Run, page
from model.report.summary import opening, outcome, spent
from model.resolving import resolve
from model.scores import findings, standing, temperature
from model.training import loop, processes, run_folder, threads
from mulgam.errors import MulgamError
from mulgam.registry import Entry, Registry, opened

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def train(
    recipe: Recipe, registry: Registry, runs: Path, *, resume: bool = False, promote: bool = False
) -> Entry | None:
    """Train one recipe and publish it.

    `resume`: go on with its interrupted run, if there is one. `promote`: make the new version the default, also where
    it is worse than the one that is served.

    Of several processes the first alone publishes; the others get None.

    Raises:
        ModelError: the recipe, its table or the training is at fault.
        RegistryError: the registry can't be written.
    """
    table = sources.rows(recipe)
    recipe = resolve(recipe, table)
    print(opening(recipe, table), flush=True)
    kind, *further = recipe.data.split
    with run_folder.opened(runs, recipe.name, dumps(recipe), table.sha256, resume=resume) as folder:
        described, parts = divided(recipe, table, kind)
        module, history = fitted(recipe, table, described, parts, folder)
        if folder is None:
            _help_train(recipe, table, further)
            return None
        held_out = encoded(table, described, parts.test)
        predicted = answers(module, held_out)
        standings = [standing.compare(table, described, parts, kind, predicted, recipe.training.seed)]
        standings += [scored(recipe, table, other) for other in further]
        promise = signature(recipe, table, described, parts.train)
        found = findings.find(
            table, promise, parts.test, held_out, partial(answers, module), recipe.training.seed, temperature.of(module)
        )
        margin = recipe.release.margin
        before = predecessor.find(registry, promise, table, parts.test, standings[0].scores, margin)
        made_with = environment.document(
            table,
            loop.device(recipe.training.device),
            threads.suited(module.network, recipe.training.batch_size),
            recipe.training.seed,
        )
        run = Run(promise, table, standings, found, history, made_with, dumps(recipe), before)
        documents = Documents(
            metrics={
                **standing.metrics(standings, len(history.epochs), history.best),
                **findings.metrics(found),
                "predecessor": before.document() if before else None,
            },
            baseline=baseline_histograms.document(table, described, parts.train, predicted),
            environment=made_with,
            recipe=run.recipe,
            report=partial(page, run),
        )
        target = table.target[parts.test]
        entry = release(module, promise, held_out, registry, documents, target, recipe.release.variants)
        folder.log(run_folder.PUBLISHED, version=entry.version, digest=entry.digest)
    print(outcome(standings, history, entry))
    if before is not None:
        print(f"  {before}")
    print(f"  {predecessor.settle(registry, entry, before, promote=promote)}")
    return entry


def scored(recipe: Recipe, table: Table, kind: str) -> standing.Standing:
    """The scores on another division of the rows, of a model that is trained for that only."""
    described, parts = divided(recipe, table, kind)
    module, _ = fitted(recipe, table, described, parts)
    predicted = answers(module, encoded(table, described, parts.test))
    return standing.compare(table, described, parts, kind, predicted, recipe.training.seed)


def _help_train(recipe: Recipe, table: Table, further: Sequence[str]) -> None:
    """What other processes than the first still do: take their share in training the models for the score only."""
    for kind in further:
        fitted(recipe, table, *divided(recipe, table, kind))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code: 0, 1 for an error (one sentence on stderr), 2 for wrong usage, 130."""
    interruption.raise_again()
    try:
        given = order(arguments)
        with processes.joined():
            return _run(given)
    except Refused as problem:
        print(f"mulgam train: {problem}", file=sys.stderr)
        return 2
    except MulgamError as problem:
        processes.leave_the_word_to_the_first()
        print(f"mulgam train: {_with_notes(str(problem), problem)}", file=sys.stderr)
        return 1
    except OSError as problem:  # of temporary files; the run's own and the registry's have their sentences
        if problem.errno not in FULL:
            raise
        place = problem.filename or f"A temporary file in {tempfile.gettempdir()}"
        told = _with_notes(f"{place} can't be written: {problem.strerror}.", problem)
        print(f"mulgam train: {told}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as problem:
        told = _with_notes("interrupted; the run under way published nothing.", problem)
        print(f"\nmulgam train: {told}", file=sys.stderr)
        return interruption.INTERRUPTED


def _with_notes(sentence: str, problem: BaseException) -> str:
    """What is said of a problem, and after it what its run's folder added: how to go on."""
    return " ".join([sentence, *getattr(problem, "__notes__", [])])


def _run(given: Order) -> int:
    # All recipes before any training: a slip in the last one should not show after an hour.
    recipes = [given.applied(load(path)) for path in given.recipes]
    registry = opened(given.registry, given.sign_with)
    with registry.staging():
        pass  # the same for a registry that can't be written
    for recipe in recipes:
        if given.resume and (published := run_folder.published(given.runs, recipe.name)):
            print(
                f"Nothing to resume: the last run of {recipe.name!r} was published as version {published};"
                " without --resume a new one begins.\n"
            )
            continue
        started = time.monotonic()
        train(recipe, registry, given.runs, resume=given.resume, promote=given.promote)
        print(f"  {spent(time.monotonic() - started)}\n", flush=True)
    return 0


if __name__ == "__main__":
    code = main()
    interruption.ignore()
    sys.exit(code)
