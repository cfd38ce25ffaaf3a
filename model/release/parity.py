"""The parity gate: the trained module, its TorchScript and its ONNX form must give the same answers.

Compared on held-out rows in several batch sizes, on rows with missing and unseen values, on texts of any length and on
the golden requests, within the tolerance that the signature promises to those who serve it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from model.data.batches import Answers
from model.errors import ParityError
from model.release import runs
from model.release.golden_requests import answer
from mulgam.encoding.categories import MISSING, UNSEEN
from mulgam.encoding.encoder import Encoder
from mulgam.golden import Golden
from mulgam.signature import CATEGORIES, NUMERIC, PRECISION, TEXT, Signature, Tolerance
from mulgam.tensors import Arrays

BATCH_SIZES = (1, 2, 7, 256)
RUNTIMES = ("torchscript", "onnx")
RELATIVE = 1e-5
# The same of forms in a lower precision: 8 bits of weights and activations, 11 of half precision.
LOWER = {"int8": 0.05, "float16": 0.005}


@dataclass(frozen=True)
class Comparison:
    """How far one runtime lay from the eager module on one set of rows; `largest` is in units of the output."""

    runtime: str
    rows: str
    count: int
    largest: float
    allowed: float


def tolerances(
    floor: float, relative: float = RELATIVE, variants: Sequence[str] = ()
) -> dict[str, dict[str, Tolerance]]:
    """The tolerance of each runtime and precision: relative × max(|answer|, floor).

    Args:
        floor: 1 for probabilities, the target's standard deviation for a quantity.
        relative: more than the default where the graph magnifies differences.
        variants: precisions beside the usual one, which ONNX alone has; magnified alike.
    """
    found = {runtime: {PRECISION: Tolerance(relative, floor)} for runtime in RUNTIMES}
    magnified = relative / RELATIVE
    found["onnx"] |= {precision: Tolerance(LOWER[precision] * magnified, floor) for precision in variants}
    return found


def verify(
    module: nn.Module, signature: Signature, exported: Mapping[str, bytes], held_out: Arrays, golden: list[Golden]
) -> list[Comparison]:
    """Compare exported forms with the eager module.

    Args:
        module: in evaluation mode, on the CPU.
        signature: carries the tolerances.
        exported: name of the form (`torchscript`, `onnx`, `onnx int8`, …) -> model file.
        held_out: graph inputs that training never saw, [N, …], N at least 1.
        golden: requests with the eager module's answers.

    Returns:
        One comparison for each form and set of rows.

    Raises:
        ParityError: an answer is too far off, has another shape, or is not a finite number where the
            signature allows the input.
    """
    forms = {name: (runs.opened(name, model, signature), signature.tolerance_of(*runs.split(name)))
             for name, model in exported.items()}  # fmt: skip
    comparisons = []
    for rows, inputs in _cases(signature, held_out, golden):
        expected = answer(module, signature, inputs)
        _check_finite(expected, inputs, signature, rows)
        for name, (run, tolerance) in forms.items():
            comparisons.append(_compare(name, rows, run(inputs), expected, tolerance))
    return comparisons


def _cases(signature: Signature, held_out: Arrays, golden: list[Golden]) -> Iterable[tuple[str, Arrays]]:
    for size in BATCH_SIZES:
        yield f"{size} held-out", _rows(held_out, size)
    if signature.numbers:
        yield "missing values", _with_missing(held_out)
    if signature.categories:
        for name, number in (("unseen categories", UNSEEN), ("missing categories", MISSING)):
            yield name, _with_category(held_out, number)
    if signature.text is not None:
        yield "texts of any length", _with_texts(held_out)
    encoder = Encoder(signature)
    for number, request in enumerate(golden, start=1):
        yield f"golden request {number}", encoder.encode(request.instances)


def _rows(inputs: Arrays, count: int) -> Arrays:
    """The first rows, repeated from the start where there are too few."""
    return {name: array[np.arange(count) % len(array)] for name, array in inputs.items()}


def _with_missing(inputs: Arrays) -> Arrays:
    """One row for each numeric column with that value missing, and one with all of them missing."""
    columns = inputs[NUMERIC].shape[1]
    rows = _rows(inputs, columns + 1)
    numeric = rows[NUMERIC].copy()
    numeric[np.arange(columns), np.arange(columns)] = np.nan
    numeric[-1] = np.nan
    return {**rows, NUMERIC: numeric}


def _with_category(inputs: Arrays, number: int) -> Arrays:
    """One row for each category with that number in its place, and one with it in all of them."""
    columns = inputs[CATEGORIES].shape[1]
    rows = _rows(inputs, columns + 1)
    categories = rows[CATEGORIES].copy()
    categories[np.arange(columns), np.arange(columns)] = number
    categories[-1] = number
    return {**rows, CATEGORIES: categories}


def _with_texts(inputs: Arrays) -> Arrays:
    """Texts from empty to full length, of Latin, Korean and the highest characters."""
    length = inputs[TEXT].shape[1]
    alphabet = np.array([ord(character) for character in "Az É훈민 정음ΣЖ"] + [sys.maxunicode], dtype=np.int32)
    lengths = [0, 1, 2, min(7, length), length]
    text = np.stack([np.where(np.arange(length) < kept, np.resize(alphabet, length), 0) for kept in lengths])
    return {**_rows(inputs, len(lengths)), TEXT: text.astype(np.int32)}


def _check_finite(expected: Answers, inputs: Arrays, signature: Signature, name: str) -> None:
    if signature.numbers:
        required = [column for column, feature in enumerate(signature.numbers) if not feature.missing]
        expected = expected[~np.isnan(inputs[NUMERIC][:, required]).any(axis=1)]
    if not np.isfinite(expected).all():
        raise ParityError(f"The model's answer to {name} is not a finite number; nothing was published.")


def _compare(runtime: str, name: str, got: Answers, expected: Answers, tolerance: Tolerance) -> Comparison:
    if got.shape != expected.shape:
        raise ParityError(
            f"The {runtime} model answers {name} in the shape {list(got.shape)}, the trained one in"
            f" {list(expected.shape)}; nothing was published."
        )
    wide = expected.astype(np.float64)
    allowed = tolerance.relative * np.maximum(np.abs(wide), tolerance.floor)
    apart = np.abs(got.astype(np.float64) - wide)
    # Where a missing value is not allowed, the trained module may answer NaN; then the others must, too.
    apart[np.isnan(got) & np.isnan(expected)] = 0.0
    allowed[np.isnan(expected)] = tolerance.relative * tolerance.floor
    if not (apart <= allowed).all():
        worst = int(np.argmax(apart - allowed))  # a NaN counts as the largest
        raise ParityError(
            f"The {runtime} model differs from the trained one on {name}: {got.flat[worst]:.7g} instead of"
            f" {expected.flat[worst]:.7g} (allowed difference: {allowed.flat[worst]:.3g}); nothing was published."
        )
    return Comparison(runtime, name, len(expected), float(apart.max()), float(allowed.min()))
