"""Numbers as float32, NaN where one is missing."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from mulgam.encoding.largest import FLOAT32_MAX
from mulgam.encoding.rows import wrong
from mulgam.errors import InputError
from mulgam.signature import Feature
from mulgam.wording import kind

_TYPES = frozenset({int, float})


def number(feature: Feature, value: object, row: int) -> float:
    """One value of a feature.

    Raises:
        InputError: WRONG_TYPE, NON_FINITE or OUT_OF_RANGE, in that row.
    """
    if value is None and feature.missing:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        optional = " or null" if feature.missing else ""
        raise wrong("WRONG_TYPE", feature, row, f" must be a number{optional}, not {kind(value)}.")
    if value != value:
        raise wrong("NON_FINITE", feature, row, " is NaN; send null for a missing value.")
    if not -FLOAT32_MAX <= value <= FLOAT32_MAX:
        raise wrong("OUT_OF_RANGE", feature, row, " does not fit a 32-bit float (at most ±3.4e38).")
    return float(value)


class PlainNumbers:
    """The usual case, all features numbers: checked as a whole, searched only on a mistake.

    Args:
        features: of the signature.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        self._features = features
        self._types = _TYPES | ({type(None)} if all(feature.missing for feature in features) else set())

    def encode(self, rows: list[Sequence[object]]) -> npt.NDArray[np.float32]:
        """Rows in feature order as float32 [N, F]; raises InputError as `number`."""
        types = {type(value) for row in rows for value in row}
        if types <= _TYPES and len(rows) == 1:
            row = cast(list[float], rows[0])
            # Three passes of C over one row cost less than one of numpy; NaN alone differs from itself.
            if min(row) >= -FLOAT32_MAX and max(row) <= FLOAT32_MAX and (total := sum(row)) == total:
                return np.array(rows, dtype=np.float32)
        elif types <= self._types:
            with contextlib.suppress(OverflowError):
                wide = np.array(rows, dtype=np.float64)
                if _fits(wide, rows):
                    return wide.astype(np.float32)
        return np.array(
            [[number(self._features[p], value, n) for p, value in enumerate(row)] for n, row in enumerate(rows)],
            dtype=np.float32,
        )


def _fits(wide: npt.NDArray[np.float64], rows: list[Sequence[object]]) -> bool:
    """Whether float32 holds every value, and every NaN was made of a null."""
    largest = np.abs(wide).max()
    if largest <= FLOAT32_MAX:
        return True
    missing = np.count_nonzero(np.isnan(wide))
    nulls = sum(row.count(None) for row in rows)
    return bool(missing == nulls and np.nanmax(np.abs(wide), initial=0.0) <= FLOAT32_MAX)


def check_numbers(features: Sequence[Feature], name: str, numeric: npt.NDArray[np.float32]) -> None:
    """Raise InputError where encoded numbers hold an infinity, or lack a value that must be there.

    Args:
        features: of the columns.
        name: of the graph's input.
        numeric: [N, F].
    """
    if np.isfinite(numeric).all():
        return  # nearly always, after one pass instead of three
    if np.isinf(numeric).any():
        raise InputError("NON_FINITE", f"The input {name!r} holds an infinity.", field=name)
    required = [column for column, feature in enumerate(features) if not feature.missing]
    if required and np.isnan(numeric[:, required]).any():
        raise InputError("NON_FINITE", f"The input {name!r} lacks a value that must be there.", field=name)
