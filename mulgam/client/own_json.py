"""Rows and answers in the service's own JSON (docs/http.md)."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from mulgam.client.answers import Found, bad_answer
from mulgam.client.errors import RequestError
from mulgam.client.tables import plain

CONTENT_TYPE = "application/json"


def body(instances: list[Any]) -> bytes:
    """`{"instances": […]}`.

    Raises:
        RequestError: a value is an infinity, or of a type that JSON has no value for.
    """
    try:
        text = _dumps(instances)
    except (ValueError, TypeError):  # something is not JSON's: each value is looked at, which takes longer
        text = _dumps([plain(instance, f"instances[{number}]") for number, instance in enumerate(instances)])
    # What no Unicode text may hold, the service can refuse better than an exception from here.
    return text.encode("utf-8", "surrogatepass")


def document(content: bytes) -> dict[str, Any]:
    """An answer's JSON object; raises UnavailableError where it is none."""
    try:
        found = json.loads(content)
    except ValueError as problem:
        raise bad_answer("is not JSON") from problem
    if not isinstance(found, dict):
        raise bad_answer("is no JSON object")
    return found


def found(predictions: Any, rows: int, probabilities: bool) -> Found:
    """The predictions of an answer as an array.

    Args:
        predictions: as the answer holds them.
        rows: how many there must be.
        probabilities: whether those of every class are wanted.

    Raises:
        RequestError: probabilities are wanted, and the model is no classifier.
        UnavailableError: they are not what was asked for.
    """
    if not isinstance(predictions, list) or len(predictions) != rows:
        raise bad_answer(f"does not hold {rows} predictions")
    if probabilities and not isinstance(predictions[0], dict):
        raise RequestError("The model is no classifier: it has no probabilities.", "NO_PROBABILITIES", 200)
    try:
        if not isinstance(predictions[0], dict):
            return Found(np.array(predictions, dtype=np.float32))
        if not probabilities:
            return Found(np.array([one["label"] for one in predictions], dtype=np.str_))
        classes = tuple(predictions[0]["probabilities"])
        table = [[one["probabilities"][label] for label in classes] for one in predictions]
        return Found(np.array(table, dtype=np.float32), classes)
    except (KeyError, TypeError, ValueError) as problem:
        raise bad_answer("holds predictions of another shape") from problem


def _dumps(instances: list[Any]) -> str:
    return json.dumps({"instances": instances}, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
