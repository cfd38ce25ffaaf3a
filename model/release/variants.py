"""Smaller forms of the ONNX model, of lower precision: each behind the parity gate with a tolerance of its own.

They may lie further from the trained module than the float32 forms do (`parity.LOWER`), and may score a little worse;
what was lost stands in the report and in `metrics.json`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from model.errors import ExportError, ModelError, ParityError
from model.release import float16, int8
from model.release.forms import Form
from model.scores.evaluation import MORE_IS_BETTER
from model.scores.standing import LABELS, shown_score

MAKERS: Mapping[str, Callable[[bytes], bytes]] = {"int8": int8.convert, "float16": float16.convert}
# What may be lost of the primary score: of an accuracy so much, of an error so large a part.
MOST_LOST = {"int8": 0.02, "float16": 0.005}


def make(precision: str, onnx_model: bytes) -> bytes:
    """An ONNX file in a lower precision.

    Raises:
        ExportError: the converter refuses the graph.
    """
    with left_out(precision):
        try:
            return MAKERS[precision](onnx_model)
        except Exception as problem:  # the converters raise whatever their steps raise
            cause = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
            raise ExportError(f"The model has no {precision} form: {cause}; nothing was published.") from problem


def check_score(precision: str, form: Form, full: Form, rows: int) -> None:
    """Refuse a variant that scores worse than the float32 form by more than is allowed.

    Args:
        precision: of the variant.
        form: the variant, scored.
        full: the float32 form, scored on the same rows.
        rows: how many.

    Raises:
        ParityError: it loses too much.
    """
    if form.score is None or full.score is None:
        return
    name, before = full.score
    after = form.score[1]
    if name in MORE_IS_BETTER:
        # Of few rows a single one may weigh more than the bound.
        lost, allowed = before - after, max(MOST_LOST[precision], 1.5 / rows)
    else:
        lost, allowed = after - before, MOST_LOST[precision] * before
    if lost > allowed:
        raise ParityError(
            f"The {precision} form reaches {LABELS[name]} {shown_score(after)} on held-out rows, the float32 one"
            f" {shown_score(before)}: it loses more than the {shown_score(allowed)} allowed; nothing was published."
        )


@contextlib.contextmanager
def left_out(precision: str) -> Iterator[None]:
    """Add to an error how the model is published without the variant."""
    try:
        yield
    except ModelError as problem:
        hint = f" Leave {precision!r} out of [release] variants to publish without it."
        raise type(problem)(f"{problem}{hint}") from problem
