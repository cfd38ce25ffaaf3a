"""What every contestant gets: the same table, divided in the same way, and how its answers are scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data import sources
from model.data.split import Split
from model.data.table import Table, Text
from model.recipe.reading import parse
from model.scores import evaluation
from model.scores.evaluation import Scores
from tests.bench.training import nativelikeness
from tests.bench.training.datasets import Dataset

Answers = npt.NDArray[Any]
Rows = npt.NDArray[np.int64]
# Answers, [N] quantities or [N, K] probabilities, to some rows of a table like the one that was learnt from.
Model = Callable[[Table, Rows], Answers]


@dataclass(frozen=True)
class Division:
    """A table and its parts.

    Attributes:
        dataset: what the table is.
        folder: where its file lies.
        table: all rows.
        parts: which rows train, which choose when to stop, which are held out.
        seed: of the division, and of whatever a contestant draws.
        quick: whether a contestant is to do the least that runs at all.
    """

    dataset: Dataset
    folder: Path
    table: Table
    parts: Split
    seed: int
    quick: bool


# Learns from a division's training rows.
Fit = Callable[[Division], Model]


def divide(dataset: Dataset, folder: Path, seed: int, quick: bool) -> Division:
    """Read the table as the project reads it, and divide its rows."""
    recipe = replace(parse(dataset.recipe("", "")), folder=folder)
    table = sources.rows(recipe)
    return Division(dataset, folder, table, dataset.divide(table, seed), seed, quick)


def scores(division: Division, model: Model) -> Scores:
    """On the held-out rows; texts of minimal pairs too, where the classes are native and learner."""
    table, test = division.table, division.parts.test
    answers, target = model(table, test), table.target[test]
    if not table.classes:
        return evaluation.regression(answers, target)
    found = evaluation.classification(answers, target)
    if division.dataset.primary == "f1":
        found["f1"] = _f1(answers, target)
    if nativelikeness.NATIVE in table.classes:
        nativeness = _nativeness(table, model)
        found["pairs"] = nativelikeness.held_out_pairs(nativeness, table, test)
        if division.seed == 0:  # 134,000 sentences take longer than the training, and hardly vary
            found["blimp"] = nativelikeness.blimp(nativeness, 3 if division.quick else None)
    return found


def _f1(answers: Answers, target: Rows) -> float:
    """Of the second of two classes (of ham and spam: spam)."""
    from sklearn.metrics import f1_score

    return float(f1_score(target, answers.argmax(axis=1), zero_division=0.0))


def _nativeness(table: Table, model: Model) -> nativelikeness.Nativeness:
    native = table.classes.index(nativelikeness.NATIVE)
    assert table.text is not None
    name = table.text.name

    def nativeness(texts: Any) -> Answers:
        rows = np.arange(len(texts))
        zeros = np.zeros(len(texts), dtype=np.int64)
        others = replace(table, numeric=table.numeric[zeros], target=zeros, text=Text(name, tuple(texts)))
        answers: Answers = model(others, rows)[:, native]
        return answers

    return nativeness
