"""The Open Inference Protocol V2 as JSON Schema: the tensors of a signature, in and out, where they come as JSON.

Three things it can't say: that `data` has as many elements as `shape` tells, (for a flat list) which element belongs to
which feature, and that an id's length counts in bytes. The service checks all three.
"""

from __future__ import annotations

import sys

from mulgam.encoding.categories import FIRST_KNOWN
from mulgam.signature import CATEGORIES, NUMERIC, TEXT, Signature, Tensor
from mulgam.tensors import MAX_RANK
from service.openapi.features import element
from service.openapi.schema import Json, any_of, listed, nested, or_null, record
from service.protocols.v2_metadata import output_tensors
from service.protocols.v2_parameters import MAX_ID, MOST, RESERVED
from service.versions.served import Served

_WORD: Json = {"type": "string"}
_WHOLE: Json = {"type": "integer", "minimum": 0, "maximum": MOST}
# What would mean something else on other servers is refused.
_NOT_RESERVED: Json = {"not": {"pattern": f"^({'|'.join(RESERVED)})"}}


def request(served: Served, most: int) -> Json:
    """A request whose tensors are JSON, of at most so many rows."""
    inputs = [_input(served.signature, tensor, most) for tensor in served.signature.inputs]
    names = [tensor.name for tensor in served.signature.inputs]
    known = {"binary_data_output": {"type": "boolean"}, "timeout": _WHOLE, "priority": _WHOLE}
    return record(
        {"inputs": listed(any_of(inputs), len(inputs), len(inputs)) | {"allOf": [_once(name, 1) for name in names]}},
        {
            "id": {"type": ["string", "null"], "maxLength": MAX_ID, "description": f"At most {MAX_ID} bytes of UTF-8."},
            "parameters": _parameters(known),
            "outputs": _outputs(served),
        },
    )


def answer(served: Served) -> Json:
    """An answer whose tensors are JSON."""
    outputs = [_output(one["name"], one["datatype"], one["shape"]) for one in output_tensors(served)]
    return record(
        {
            "model_name": {"const": served.name},
            "model_version": {"const": str(served.version)},
            "outputs": listed(any_of(outputs), 1, len(outputs)),
        },
        {"id": {"type": "string", "maxLength": MAX_ID}},
    )


def _input(signature: Signature, tensor: Tensor, most: int) -> Json:
    """The tensor as numbers, or, where it stands for words, as words."""
    rows = {"type": "integer", "minimum": 1, "maximum": most}
    width = tensor.shape[1:]
    numbers = _tensor(tensor.name, tensor.datatype, _shape(rows, width), _data(_element(signature, tensor), width))
    if tensor.name == CATEGORIES and not signature.tensors:
        return any_of([_tensor(tensor.name, "BYTES", _shape(rows, width), _data(_WORD, width)), numbers])
    if tensor.name == TEXT and not signature.tensors:
        shape = {"type": "array", "prefixItems": [rows], "items": {"const": 1}, "minItems": 1, "maxItems": MAX_RANK}
        return any_of([_tensor(tensor.name, "BYTES", shape, {"type": "array"}), numbers])
    return numbers


def _element(signature: Signature, tensor: Tensor) -> Json:
    """One element: of a floating-point tensor null too, which is NaN, a missing value, where one may be missing."""
    if signature.tensors:
        plain = element(tensor.datatype)
        return or_null(plain) if plain["type"] == "number" else plain
    if tensor.name == NUMERIC:
        plain = element(tensor.datatype)
        return or_null(plain) if any(feature.missing for feature in signature.numbers) else plain
    if tensor.name == TEXT:
        return {"type": "integer", "minimum": 0, "maximum": sys.maxunicode}
    words = max(len(feature.vocabulary) or 2 for feature in signature.categories)
    return {"type": "integer", "minimum": 0, "maximum": FIRST_KNOWN + words - 1}


def _tensor(name: str, datatype: str, shape: Json, data: Json) -> Json:
    parameters = _parameters({"binary_data_size": {"type": "null"}})
    required = {"name": {"const": name}, "datatype": {"const": datatype}, "shape": shape, "data": data}
    return record(required, {"parameters": parameters})


def _shape(rows: Json, width: tuple[int, ...]) -> Json:
    sizes = [rows, *({"const": size} for size in width)]
    return {"type": "array", "prefixItems": sizes, "items": False, "minItems": len(sizes), "maxItems": len(sizes)}


def _data(one: Json, width: tuple[int, ...]) -> Json:
    """Row after row in one list, or nested as deeply as the shape."""
    flat = listed(one, 1)
    return any_of([flat | {"title": "flat"}, listed(nested(width, one), 1) | {"title": "nested"}]) if width else flat


def _outputs(served: Served) -> Json:
    """Which outputs are wanted, each once; none: all of them."""
    names = [one["name"] for one in output_tensors(served)]
    known = {"binary_data": {"type": "boolean"}, "classification": {"type": "null"}}
    one = record({"name": {"enum": names}}, {"parameters": _parameters(known)})
    return {"type": ["array", "null"], "items": one, "allOf": [_once(name, 0) for name in names]}


def _once(name: str, least: int) -> Json:
    """At most one item of the list has this name, and at least so many."""
    named = {"type": "object", "required": ["name"], "properties": {"name": {"const": name}}}
    return {"contains": named, "minContains": least, "maxContains": 1}


def _parameters(known: Json) -> Json:
    return {"type": ["object", "null"], "propertyNames": _NOT_RESERVED, "properties": known}


def _output(name: str, datatype: str, shape: list[int]) -> Json:
    items = _WORD if datatype == "BYTES" else {"type": "number"}
    return record(
        {
            "name": {"const": name},
            "datatype": {"const": datatype},
            "shape": listed({"type": "integer", "minimum": 1}, len(shape), len(shape)),
            "data": listed(items, 1),
        }
    )
