"""Rows and answers as V2's binary tensors: for numbers several times cheaper than JSON, on both sides.

Tensors have no names for their columns, so that they are right only for the version whose signature ordered them: the
digest that comes with the answer tells.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mulgam import tensors as v2
from mulgam.client.answers import Found, bad_answer
from mulgam.errors import InputError
from mulgam.signature import Signature
from mulgam.tensors import Arrays

# The output that the service adds to a classifier's own.
LABEL = "label"
_LENGTH = v2.LENGTH_HEADER.lower()


def body(tensors: Arrays, signature: Signature, probabilities: bool) -> tuple[dict[str, str], bytes]:
    """Headers and body of a question for the one output that is wanted."""
    wanted = {"name": _output(signature, probabilities), "parameters": {"binary_data": True}}
    length, content = v2.encode("inputs", tensors, outputs=[wanted])
    return {"Content-Type": v2.CONTENT_TYPE, v2.LENGTH_HEADER: str(length)}, content


def found(
    headers: Mapping[str, str], content: bytes, signature: Signature, rows: int, probabilities: bool
) -> Found:  # fmt: skip
    """The predictions of an answer; raises UnavailableError where they are not what was asked for."""
    try:
        values = v2.decode("outputs", content, headers.get(_LENGTH)).tensors[_output(signature, probabilities)]
        if values.dtype == object:
            values = np.array([word.decode() for word in values.tolist()], dtype=np.str_)
    except (InputError, KeyError, UnicodeDecodeError) as problem:
        raise bad_answer("is no V2 answer") from problem
    if len(values) != rows:
        raise bad_answer(f"does not hold {rows} predictions")
    return Found(values, signature.target.classes if probabilities else ())


def _output(signature: Signature, probabilities: bool) -> str:
    return LABEL if signature.target.classes and not probabilities else signature.output.name
