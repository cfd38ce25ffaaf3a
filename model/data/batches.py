"""Many rows, answered a batch at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mulgam.tensors import Arrays

Answers = npt.NDArray[Any]
Run = Callable[[Arrays], Answers]

# Small enough for all that a network makes of them on the way: 128 bins of 30 numbers are 8 MB.
ROWS = 512


def answered(run: Run, inputs: Arrays, size: int = ROWS) -> Answers:
    """The answers to any number of rows, without the memory that all of them at once would take.

    Each batch is written into its place: answers that are kept one by one lie between what each batch takes and
    gives back, so that the heap finds no room for the next one there and grows.

    Args:
        run: inputs of some rows → their answers [n, …].
        inputs: [N, …] each, N at least 1.
        size: rows in a batch.
    """
    count = len(next(iter(inputs.values())))
    answers: Answers | None = None
    for start in range(0, count, size):
        found = run({name: array[start : start + size] for name, array in inputs.items()})
        if answers is None:
            answers = np.empty((count, *found.shape[1:]), dtype=found.dtype)
        answers[start : start + size] = found
    assert answers is not None  # there is a row
    return answers
