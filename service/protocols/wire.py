"""The gateway's own JSON: body to instances, prediction to body. No IO, so that every road can call it."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import orjson

from mulgam.errors import InputError
from mulgam.signature import Signature
from mulgam.wording import kind, shown

MAX_DEPTH = 64
_BRACKET_OR_STRING = re.compile(rb'[\[\]{}]|"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_CONSTANT = re.compile(r"-?(NaN|Infinity)")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


def instances(body: bytes, names: tuple[str, ...] = ("instances",)) -> list[Any]:
    """The list in `{"instances": […]}`; `names` are the words that may stand for "instances".

    Raises:
        InputError: EMPTY_BODY, BAD_JSON, BAD_UTF8, TOO_DEEP, NON_FINITE, OUT_OF_RANGE, NOT_AN_OBJECT,
            DUPLICATE_KEY, MISSING_FIELD, UNKNOWN_FIELD or WRONG_SHAPE.
    """
    document = loads(body)
    if not isinstance(document, dict):
        raise InputError("NOT_AN_OBJECT", f'The body must be an object {{"instances": [...]}}, not {kind(document)}.')
    for name in document:
        if name not in names:
            raise InputError("UNKNOWN_FIELD", f'The body has {shown(name)}; only "{names[0]}" is known.')
    if len(document) != 1:
        raise InputError("MISSING_FIELD", f'The body lacks "{names[0]}", a list of rows.', field=names[0])
    (found,) = document.values()
    if not isinstance(found, list):
        raise InputError("WRONG_SHAPE", f"instances must be a list of rows, not {kind(found)}.", field="instances")
    refuse_duplicates(body, 1 + sum(len(row) for row in found if isinstance(row, dict)))
    return found


def instance(line: str) -> Any:
    """One instance on a line of its own; raises InputError with the codes of `loads`, or DUPLICATE_KEY."""
    try:
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError as problem:
            _explain(line.encode("utf-8", "replace"), problem)
        if isinstance(found, dict) and line.count(":") != len(found):
            _parse_strictly(line)
    except InputError as problem:
        raise InputError(problem.code, str(problem).replace("The body", "The line")) from problem
    return found


def refuse_duplicates(body: bytes, keys: int) -> None:
    """Raise DUPLICATE_KEY where an object names a key twice (the parser keeps the last in silence).

    Each key takes one colon: only a body with more colons than the `keys` that were found is parsed again, strictly.
    """
    if body.count(b":") != keys:
        _parse_strictly(body)


def explain_depth(body: bytes) -> None:
    """Raise TOO_DEEP where a body that is wrong in another way is also nested beyond reason.

    Called after a first error only, so that good requests pay nothing.
    """
    depth = 0
    for match in _BRACKET_OR_STRING.finditer(body):
        first = match[0][:1]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InputError("TOO_DEEP", f"The body is nested more than {MAX_DEPTH} levels deep.")
        elif first in b"]}":
            depth -= 1


def predictions(signature: Signature, output: npt.NDArray[np.float32], probabilities: bool) -> Any:
    """The output as JSON values: numbers, or a label with its probability (on request, with all of them).

    Args:
        signature: of the model that answered.
        output: float32 [N] (regression), [N, K] (classification) or [N, …] (generic).
        probabilities: whether each class's probability is added to every prediction.
    """
    if not signature.target.classes:
        return output
    return [_classified(signature.target.classes, row, probabilities) for row in output]


def answer(signature: Signature, version: int, output: npt.NDArray[np.float32], probabilities: bool) -> bytes:
    """The body of the gateway's own answer; the arguments are those of `predictions` and the version."""
    document = {
        "model": signature.model,
        "version": version,
        "predictions": predictions(signature, output, probabilities),
    }
    return dumps(document)


def dumps(document: dict[str, Any]) -> bytes:
    """JSON with numpy values as short as they are."""
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def loads(body: bytes | memoryview) -> Any:
    """Any JSON value.

    Raises:
        InputError: EMPTY_BODY, BAD_JSON, BAD_UTF8, TOO_DEEP, NON_FINITE or OUT_OF_RANGE.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        _explain(bytes(body), problem)


def _classified(classes: tuple[str, ...], row: npt.NDArray[np.float32], every: bool) -> dict[str, Any]:
    best = int(row.argmax())
    prediction: dict[str, Any] = {"label": classes[best], "probability": row[best]}
    if every:
        prediction["probabilities"] = dict(zip(classes, row, strict=True))
    return prediction


def _parse_strictly(text: str | bytes) -> None:
    try:
        json.loads(text, object_pairs_hook=_distinct)
    except RecursionError:
        raise InputError("TOO_DEEP", f"The body is nested more than {MAX_DEPTH} levels deep.") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for name, value in pairs:
        if name in seen:
            raise InputError("DUPLICATE_KEY", f"The body names {shown(name)} twice in one object.")
        seen[name] = value
    return seen


def _explain(body: bytes, problem: orjson.JSONDecodeError) -> NoReturn:
    """Raise what is wrong with a body that is no JSON, more exactly than the parser says it."""
    if not body.strip():
        raise InputError("EMPTY_BODY", "The body is empty; it must be a JSON object.") from problem
    explain_depth(body)
    if body.startswith(b"\xef\xbb\xbf"):
        raise InputError("BAD_JSON", "The body starts with a byte order mark; send plain UTF-8.") from problem
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as undecodable:
        raise InputError("BAD_UTF8", f"The body is not UTF-8 (byte {undecodable.start}).") from problem
    if "surrogate" in problem.msg:
        raise InputError("BAD_UTF8", f"The body holds a lone surrogate (character {problem.pos}).") from problem
    rest = text[problem.pos : problem.pos + 400]
    if _CONSTANT.match(rest):
        raise InputError("NON_FINITE", "NaN and Infinity are not JSON; send null for a missing value.") from problem
    number = _NUMBER.match(rest)
    if number and "infinity" in problem.msg:
        raise InputError("OUT_OF_RANGE", f"The number at character {problem.pos} fits no float.") from problem
    raise InputError("BAD_JSON", f"The body is not valid JSON (character {problem.pos}).") from problem
