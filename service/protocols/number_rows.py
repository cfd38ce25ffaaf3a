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
# What numbers consist of, and what may stand around them.
_NUMBERS = b"0123456789+-.eE \t\n\r"


def number_rows(body: bytes, names: tuple[str, ...]) -> npt.NDArray[np.float64] | None:
    """The rows in `{"instances": [[…], …]}`, float64 [N, F]; None where the body is anything else.

    Args:
        body: as it was sent.
        names: the words that may stand for "instances".
    """
    if len(body) < LEAST_BYTES:
        return None
    try:
        document = simdjson.Parser().parse(body)
        if not isinstance(document, simdjson.Object):
            return None
        name = next((name for name in names if name in document), None)
        rows = document[name] if name is not None else None
        if name is None or not isinstance(rows, simdjson.Array):
            return None
        count = len(rows)
        # It flattens what is nested, and refuses whatever is no number.
        flat = np.frombuffer(rows.as_buffer(of_type="d"))
    except (ValueError, TypeError, RuntimeError):
        return None
    width, rest = divmod(len(flat), count) if count else (0, 1)
    if rest or not width or body.translate(None, _NUMBERS) != _skeleton(name, count, width):
        return None
    return flat.reshape(count, width)


def _skeleton(name: str, count: int, width: int) -> bytes:
    """What is left of such a body without its numbers: nothing lies beside the rows, and all are of one width.

    A row of one number is left as an empty one would be; but there are as many numbers as rows.
    """
    row = b"[" + b"," * (width - 1) + b"]"
    return b'{"%b":[%b]}' % (name.encode().translate(None, _NUMBERS), (row + b",") * (count - 1) + row)
