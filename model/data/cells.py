"""What a cell of a table says: a number, a word, or nothing."""

from __future__ import annotations

import math

from mulgam.encoding import FLOAT32_MAX

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
    if "_" in value or not value.isascii() or len(value) > 400:
        return None
    try:
        parsed = float(value)
    except ValueError:
        return None
    return parsed if abs(parsed) <= FLOAT32_MAX else None
