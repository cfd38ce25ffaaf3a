"""A body that is nothing but rows of numbers, read as one array: without a Python object for each number.

The usual parser takes a list, a row and a number at a time, which for 256 rows of 8 costs as much as predicting them.
Whatever is unusual in a body (a null, a name, a ragged row, a mistake) is left to that parser, which also knows how to
say what is wrong; what is read here, it would have read to the same array.

Method: simdjson (Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import simdjson

# Below it the usual parser is done before numpy has begun.
LEAST_BYTES = 2048
_OPEN, _CLOSE, _COMMA = b"[],"


def number_rows(body: bytes, names: tuple[str, ...]) -> npt.NDArray[np.float64] | None:
    """The rows in `{"instances": [[…], …]}`, float64 [N, F]; None where the body is anything else.

    Args:
        body: as it was sent.
        names: the words that may stand for "instances".
    """
    # One colon: one key. The byte order mark, which it would pass over, is no JSON (RFC 8259, 8.1).
    if len(body) < LEAST_BYTES or body.count(b":") != 1 or body.startswith(b"\xef"):
        return None
    try:
        document = simdjson.Parser().parse(body)
        if not isinstance(document, simdjson.Object):
            return None
        rows = next((document[name] for name in names if name in document), None)
        if not isinstance(rows, simdjson.Array):
            return None
        count = len(rows)
        # It flattens what is nested, and refuses whatever is no number.
        flat = np.frombuffer(rows.as_buffer(of_type="d"))
    except (ValueError, TypeError, RuntimeError):
        return None
    width, rest = divmod(len(flat), count) if count else (0, 1)
    if rest or not width or not _is_rectangular(body, count, width):
        return None
    return flat.reshape(count, width)


def _is_rectangular(body: bytes, count: int, width: int) -> bool:
    """Whether lists of numbers are `count` rows of `width`: there are no strings, so brackets and commas tell."""
    marks = np.frombuffer(body, np.uint8)
    begins, ends = np.flatnonzero(marks == _OPEN)[1:], np.flatnonzero(marks == _CLOSE)[:-1]
    if len(begins) != count or len(ends) != count:
        return False
    commas = np.flatnonzero(marks == _COMMA)
    # Where each row begins with all commas of those before it, and ends with its own, nothing lies beside or within.
    first = np.arange(count) * width
    is_begun = (np.searchsorted(commas, begins) == first).all()
    return bool(is_begun and (np.searchsorted(commas, ends) == first + width - 1).all())
