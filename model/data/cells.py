"""What a cell of a table says: a number, a word, or nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mulgam.encoding.largest import FLOAT32_MAX

MISSING = frozenset({"", "na", "n/a", "nan", "null"})
BOOLEAN = {"false": False, "true": True}
# Taken for booleans only in a column that is said to hold them: elsewhere they are numbers or words.
ALSO_BOOLEAN = {
    **BOOLEAN,
    "0": False,
    "1": True,
    "no": False,
    "yes": True,
    "f": False,
    "t": True,
    "n": False,
    "y": True,
}


def is_missing(value: str) -> bool:
    """Whether a cell is empty or holds one of the usual words for nothing."""
    # Longer cells are texts, of which a lower-case copy would only cost time.
    return len(value) <= 4 and value.lower() in MISSING


def number(value: str) -> float | None:
    """The number in a cell; NaN where it is missing, None where it is something else."""
    if is_missing(value):
        return math.nan
    # float() also takes 1_000 and other scripts' digits, which a table does not mean as numbers.
    if "_" in value or not value.isascii():
        return None
    try:
        parsed = float(value)
    except ValueError:
        return None
    return parsed if abs(parsed) <= FLOAT32_MAX else None


def is_number(value: str) -> bool:
    """Whether a cell holds a number, and not nothing."""
    parsed = number(value)
    return parsed is not None and not math.isnan(parsed)


def numbers(values: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """What `number` says of many cells; None where one of them is something else."""
    joined = "".join(values)
    if joined.isascii() and "_" not in joined:
        try:
            parsed = np.fromiter(map(float, values), dtype=np.float64, count=len(values))
        except ValueError:
            pass
        else:
            if np.abs(parsed).max(initial=0.0) <= FLOAT32_MAX:
                return parsed
    found = [number(value) for value in values]
    return None if None in found else np.array(found, dtype=np.float64)


_DATE = re.compile(r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([T ]\d{1,2}:\d{2}.*)?")


def is_date(value: str) -> bool:
    """Whether a cell looks like a day, or a day and a time of it."""
    return _DATE.fullmatch(value) is not None
