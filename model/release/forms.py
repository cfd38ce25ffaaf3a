"""The exported forms of a model as they are to be told of: size, latency, score."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.batches import Run, answered
from model.release.parity import Comparison
from model.release.runs import opened
from model.scores import evaluation
from model.scores.evaluation import PRIMARY
from model.training import threads
from mulgam.signature import Signature
from mulgam.tensors import Arrays

MANY = 64
_FEWEST_TIMES, _MOST_TIMES, _SECONDS = 5, 200, 0.3


@dataclass(frozen=True)
class Form:
    """One exported form.

    Attributes:
        name: runtime, and precision where it is not float32.
        size: of its file, in bytes.
        one_row: seconds that one row takes, the median on one thread.
        many_rows: the same of `MANY` rows at a time.
        score: name and value of the primary score on held-out rows, where their target is known.
    """

    name: str
    size: int
    one_row: float
    many_rows: float
    score: tuple[str, float] | None = None


@dataclass(frozen=True)
class Proof:
    """What the gates before publishing found: how far each form lay from the trained module, and what each costs."""

    comparisons: list[Comparison]
    forms: list[Form]


def measured(
    name: str, model: bytes, signature: Signature, held_out: Arrays, target: npt.NDArray[Any] | None = None
) -> Form:
    """A form with its score, and its latencies timed here and now.

    Args:
        name: of the form: runtime and, where it is not the usual one, precision.
        model: its file.
        signature: of the model.
        held_out: graph inputs to score and time it with, [N, …], N at least 1.
        target: of these rows, [N]; None leaves the score out.
    """
    run = opened(name, model, signature)
    one, many = (_median_seconds(run, held_out, rows) for rows in (1, MANY))
    return Form(name, len(model), one, many, None if target is None else _score(run, signature, held_out, target))


def _score(run: Run, signature: Signature, held_out: Arrays, target: npt.NDArray[Any]) -> tuple[str, float]:
    name = PRIMARY[signature.task]
    with threads.limited(1):
        return name, evaluation.scores_of(signature.task)(answered(run, held_out), target)[name]


def _median_seconds(run: Run, held_out: Arrays, rows: int) -> float:
    inputs = {name: array[np.arange(rows) % len(array)] for name, array in held_out.items()}
    with threads.limited(1):
        for _ in range(3):  # the first runs of a graph optimise it
            run(inputs)
        times: list[float] = []
        end = time.perf_counter() + _SECONDS
        while len(times) < _FEWEST_TIMES or (len(times) < _MOST_TIMES and time.perf_counter() < end):
            started = time.perf_counter()
            run(inputs)
            times.append(time.perf_counter() - started)
    return statistics.median(times)
