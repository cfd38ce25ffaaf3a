"""What a piece was answered, and what is raised where that is no answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mulgam.client.errors import BAD_ANSWER, UnavailableError


@dataclass(frozen=True)
class Found:
    """Predictions as an array: float32 [N] or [N, …], labels [N], or the probabilities [N, K] of `classes`."""

    values: npt.NDArray[Any]
    classes: tuple[str, ...] = ()


def joined(pieces: Sequence[Found]) -> Found:
    """The pieces of one table, in their order.

    Raises:
        UnavailableError: they are of versions with other classes.
    """
    if len({piece.classes for piece in pieces}) > 1:
        raise UnavailableError(
            "The model's classes changed while the table was answered; ask again for all of it.", BAD_ANSWER
        )
    return Found(np.concatenate([piece.values for piece in pieces]), pieces[0].classes)


def bad_answer(what: str) -> UnavailableError:
    """The service, or whatever took its place, answered 200 with something else."""
    return UnavailableError(f"What came back {what}; is this a Mulgam service?", BAD_ANSWER, 200)
