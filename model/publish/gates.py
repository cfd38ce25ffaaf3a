"""What a brought model must hold before it is compared with its other form."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import nn

from model.errors import PublishError
from model.release.golden_requests import answer
from mulgam.signature import Signature, Tolerance
from mulgam.tensors import Arrays, rows_of

BATCH_SIZES = (1, 2, 7, 256)
# Of the sum of a row's probabilities from 1.
_ROUNDING = 1e-3


def checked_answers(module: nn.Module, signature: Signature, tried: Arrays) -> npt.NDArray[np.float32]:
    """The answers to the tried rows: one for each row, finite, and probabilities where they are promised.

    Raises:
        PublishError: they are not.
    """
    found: npt.NDArray[np.float32] = answer(module, signature, tried)
    rows = rows_of(tried)
    if found.shape != (rows, *signature.output.shape[1:]):
        raise PublishError(f"{rows} rows are answered in the shape {list(found.shape)}: not one answer for each row.")
    if not np.isfinite(found).all():
        raise PublishError(
            "The answer to a row within the signature's ranges is not a finite number; say minimum and maximum of"
            " each feature, or give rows by --golden."
        )
    if signature.target.classes:
        _check_probabilities(found)
    return found


def check_rows_alone(module: nn.Module, signature: Signature, tried: Arrays, tolerance: Tolerance) -> None:
    """A row must be answered the same whatever rows it is batched with, as the service batches them.

    Raises:
        PublishError: it is not.
    """
    rows = rows_of(tried)
    alone = np.concatenate([_part(module, signature, tried, np.array([row])) for row in range(min(rows, 8))])
    allowed = tolerance.relative * np.maximum(np.abs(alone.astype(np.float64)), tolerance.floor)
    for size in BATCH_SIZES[1:]:
        together = _part(module, signature, tried, np.arange(size) % rows)[: len(alone)]
        apart = np.abs(together.astype(np.float64) - alone[: len(together)])
        if not (apart <= allowed[: len(together)]).all():
            raise PublishError(
                f"A row is answered otherwise among {size} rows than alone (by {apart.max():.3g}): something in the"
                " model mixes rows, such as batch normalisation that was left in training mode."
            )


def _part(
    module: nn.Module, signature: Signature, tried: Arrays, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    found: npt.NDArray[np.float32] = answer(module, signature, {name: array[rows] for name, array in tried.items()})
    if len(found) != len(rows):
        raise PublishError(f"{len(rows)} rows are answered in the shape {list(found.shape)}: the batch is not free.")
    return found


def _check_probabilities(found: npt.NDArray[np.float32]) -> None:
    sums = found.sum(axis=1, dtype=np.float64)
    worst = float(sums[np.argmax(np.abs(sums - 1))])
    if abs(worst - 1) > _ROUNDING or float(found.min()) < -_ROUNDING:
        raise PublishError(
            f"The answers are no probabilities: a row sums to {worst:.4g}, the lowest is {float(found.min()):.4g}."
            ' Say scores = "logits" in the signature file if a softmax has to follow.'
        )
