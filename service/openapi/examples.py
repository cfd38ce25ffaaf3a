"""Requests that can be sent as they are, and their answers: golden rows of the served version itself.

Golden rows are made from the signature, never from rows of anyone's data.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import orjson

from mulgam.golden import Golden
from mulgam.signature import CATEGORIES, NUMERIC, TEXT, Feature, Signature, Tensor
from service.calls import Call
from service.openapi.schema import Json
from service.protocols.base import PredictionProtocol
from service.versions.served import Served

MOST_ROWS = 2
# A longer example helps nobody, and a row of a large tensor has megabytes.
MOST_BYTES = 16 * 1024
_TYPES = {NUMERIC: ("number",), CATEGORIES: ("category", "boolean"), TEXT: ("text",)}


def golden(served: Served, most: int) -> Iterator[tuple[str, Golden]]:
    """(what it shows, a golden request of at most so many rows): by name, in order, with missing values."""
    found = served.entry.golden
    shown = {"by name": found[0]}
    if len(found) > 1:
        shown["in order"] = found[1]
    if any(feature.missing for feature in served.signature.features) and len(found) > 2:
        shown["missing values"] = found[-1]
    rows = min(MOST_ROWS, most)
    for title, request in shown.items():
        if len(orjson.dumps(request.instances[:rows])) <= MOST_BYTES:
            yield title, Golden(request.instances[:rows], request.answer[:rows])


def body(protocol: PredictionProtocol, signature: Signature, instances: list[Any]) -> Json:
    """The JSON body that asks a protocol for these rows."""
    if protocol.name != "v2":
        return {"instances": instances}
    values = [_ordered(signature, one) for one in instances]
    return {"inputs": [_tensor(signature, tensor, values) for tensor in signature.inputs]}


def answer(protocol: PredictionProtocol, served: Served, asked: Json, request: Golden) -> Json:
    """The answer to it, written by the protocol itself."""
    decoded = protocol.decode(served, Call(lambda _: None, "", orjson.dumps(asked), "", 0.0), len(request.instances))
    written: Json = orjson.loads(decoded.render(request.answer)[1])
    return written


def table(signature: Signature, instances: list[Any]) -> str:
    """The rows as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([feature.name for feature in signature.features])
    writer.writerows([[_cell(value) for value in _ordered(signature, one)] for one in instances])
    return text.getvalue()


def lines(instances: list[Any]) -> str:
    """The rows as NDJSON."""
    return "".join(orjson.dumps(one).decode() + "\n" for one in instances)


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _ordered(signature: Signature, instance: Any) -> list[Any]:
    """A row's values in feature order, whichever way it was written."""
    if isinstance(instance, dict):
        return [instance[feature.name] for feature in signature.features]
    return list(instance) if isinstance(instance, list) and not signature.tensors else [instance]


def _tensor(signature: Signature, tensor: Tensor, rows: list[list[Any]]) -> Json:
    """An input as JSON: numbers row after row, words where it stands for words."""
    places = [place for place, feature in enumerate(signature.features) if _is_of(feature, tensor)]
    if tensor.name in (CATEGORIES, TEXT) and not signature.tensors:
        words = [[_word(row[place]) for place in places] for row in rows]
        shape = [len(rows), len(places)]
        return {"name": tensor.name, "datatype": "BYTES", "shape": shape, "data": words}
    data = [row[places[0]] if signature.tensors else [row[place] for place in places] for row in rows]
    shape = [len(rows), *tensor.shape[1:]]
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": shape, "data": data}


def _is_of(feature: Feature, tensor: Tensor) -> bool:
    """Whether a feature is (a column of) this input."""
    return feature.name == tensor.name if feature.type == "tensor" else feature.type in _TYPES[tensor.name]


def _word(value: Any) -> str:
    return "" if value is None else str(_cell(value))
