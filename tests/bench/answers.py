"""Nothing is timed whose answers are wrong."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tests.bench.cells import Cell, Form
from tests.bench.contestants.base import TOLERANCE, Contestant, NotServed, Running
from tests.bench.errors import BenchError
from tests.bench.model import Published, draw

_SINGLE_ROWS = 8


def check(contestant: Contestant, running: Running, model: Published, cells: Iterable[Cell]) -> dict[Form, str]:
    """Ask for fixed rows in each form and size that is going to be timed.

    Returns:
        The forms that the contestant does not have, each with why.

    Raises:
        BenchError: an answer is not ONNX Runtime's, within 1e-4 × max(1, |answer|).
    """
    absent: dict[Form, str] = {}
    for form, count in sorted({(cell.form, cell.rows) for cell in cells}):
        try:
            for seed in range(_SINGLE_ROWS if count == 1 else 1):
                _check_one(contestant, running, model, form, count, seed)
        except NotServed as problem:
            if form == "json":
                raise
            absent[form] = str(problem)
    return absent


def _check_one(contestant: Contestant, running: Running, model: Published, form: Form, count: int, seed: int) -> None:
    rows = draw(count, seed=3 + seed)
    expected = contestant.expected(model, rows)
    got = np.asarray(running.answer(rows, form))
    what = f"{count} row{'s' * (count > 1)} as {form}, {model.name}"
    if got.shape != expected.shape:
        raise BenchError(f"answers in the shape {list(got.shape)} instead of {list(expected.shape)} ({what})")
    apart = np.abs(got.astype(np.float64) - expected) / np.maximum(1.0, np.abs(expected))
    # Written so that a NaN is wrong.
    if not (apart <= TOLERANCE).all():
        worst = int(np.argmax(apart))
        raise BenchError(f"answers {got[worst]:.6g} where ONNX Runtime answers {expected[worst]:.6g} ({what})")
