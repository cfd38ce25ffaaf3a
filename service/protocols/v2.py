"""Open Inference Protocol V2 over REST with the binary tensor extension.

`POST /v2/models/<model>[/versions/<version>]/infer`. Sources: kserve/open-inference-protocol,
`inference_rest.md`; Triton's `extension_binary_data.md`. Outputs: the graph's own, and `label` (BYTES [N]) for
a classifier.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from mulgam import exchanges
from mulgam import tensors as v2
from mulgam.encoding.checking import check_tensors
from mulgam.errors import InputError
from mulgam.signature import NUMERIC
from mulgam.tensors import Arrays
from mulgam.wording import shown
from service.calls import Call
from service.errors import ApiError
from service.protocols import wire
from service.protocols.base import JSON_HEADERS, Decoded, Headers, Output, check_json, check_rows
from service.protocols.v2_json import array_of
from service.protocols.v2_metadata import LABEL, output_tensors
from service.protocols.v2_parameters import checked_id, checked_parameters, checked_timeout
from service.versions.served import Served

# The header in lower case, as the answer's headers are.
_LENGTH = v2.LENGTH_HEADER.lower()


class _Head(NamedTuple):
    """The JSON part of a request whose tensors all follow it as bytes, read and checked."""

    inputs: v2.Head
    identifier: str | None
    timeout: float | None
    wanted: list[tuple[str, bool]]


# A client's binary requests begin alike, so that the heads read last are remembered, for each version its own.
_HEADS: WeakKeyDictionary[Served, dict[bytes, _Head]] = WeakKeyDictionary()


class V2:
    """Tensors in, tensors out, each as JSON or binary as the caller asks."""

    name = "v2"
    headers: tuple[str, ...] = ("content-type", _LENGTH)
    rows = NUMERIC

    def decode(self, served: Served, call: Call, max_rows: int) -> Decoded:
        """See `PredictionProtocol.decode`."""
        length = call.header(_LENGTH)
        if length is None:
            check_json(call)
        if length is not None and length.strip() == "0":
            return self._decode_raw(served, call, max_rows)
        if length is None:
            return self._decode_parts(served, call.body, len(call.body), max_rows)
        size = v2.checked_header_length(length, len(call.body))
        head = _HEADS.get(served, {}).get(call.body[:size]) if size <= exchanges.LONGEST else None
        if head is None:
            return self._decode_parts(served, call.body, size, max_rows)
        tensors = _encoded(served, head.inputs.tensors(memoryview(call.body)[size:]))
        return _decoded(served, head, tensors, max_rows)

    def _decode_parts(self, served: Served, body: bytes, size: int, max_rows: int) -> Decoded:
        """A request whose JSON part has so many bytes."""
        view = memoryview(body)
        document = _object(wire.loads(view[:size]))
        wire.refuse_duplicates(body[:size], _keys(document))
        identifier = checked_id(document.get("id"))
        parameters = checked_parameters(document, "parameters")
        timeout = checked_timeout(parameters)
        described = document.get("inputs")
        tensors = _inputs(served, described, view[size:])
        chosen = wanted(served, document.get("outputs"), bool(parameters.get("binary_data_output", False)))
        forms = () if size > exchanges.LONGEST else _forms(described)
        head = _Head(v2.Head("inputs", forms, {}, None), identifier, timeout, chosen)
        if forms:
            exchanges.remember(_HEADS.setdefault(served, {}), body[:size], head, size)
        return _decoded(served, head, tensors, max_rows)

    def parsed_bytes(self, call: Call) -> int:
        """See `PredictionProtocol.parsed_bytes`: the JSON before the tensors' bytes."""
        length = call.header(_LENGTH)
        if length is None:
            return len(call.body)
        return 0 if length.strip() == "0" else v2.checked_header_length(length, len(call.body))

    def _decode_raw(self, served: Served, call: Call, max_rows: int) -> Decoded:
        """The whole body is the bytes of the one input, and every output comes back binary."""
        inputs = served.signature.inputs
        dtype = v2.DTYPES[inputs[0].datatype]
        row = inputs[0].shape[1:]
        width = math.prod(row)
        if len(inputs) != 1:
            raise InputError("WRONG_SHAPE", "A raw body needs a model with one input; this one has more.")
        if not call.body or len(call.body) % (dtype.itemsize * width):
            raise InputError(
                "WRONG_SIZE",
                f"A raw body must hold rows of {width} × {inputs[0].datatype}, not {len(call.body)} bytes.",
            )
        tensors = {inputs[0].name: np.frombuffer(call.body, dtype).reshape(-1, *row)}
        rows = check_tensors(served.signature, tensors)
        check_rows(rows, max_rows)
        chosen = wanted(served, None, True)
        return Decoded(tensors, rows, partial(_answer, served, None, chosen))


def _forms(described: Any) -> tuple[v2.Form, ...]:
    """Of inputs that were found right; none where not all of them are binary."""
    if any("data" in item for item in described):
        return ()
    return tuple(v2.form_of(item, "inputs") for item in described)


def _decoded(served: Served, head: _Head, tensors: Arrays, max_rows: int) -> Decoded:
    rows = check_tensors(served.signature, tensors)
    check_rows(rows, max_rows)
    return Decoded(tensors, rows, partial(_answer, served, head.identifier, head.wanted), head.timeout)


def _object(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InputError("NOT_AN_OBJECT", "The JSON part of the request must be an object.")
    return document


def _keys(document: dict[str, Any]) -> int:
    """How many keys the request's objects have, where it is as it must be; `data` holds none."""
    listed = [document.get(name) for name in ("inputs", "outputs")]
    items = [item for found in listed if isinstance(found, list) for item in found if isinstance(item, dict)]
    owners = [document, *items]
    inner = [found for owner in owners if isinstance(found := owner.get("parameters"), dict)]
    return sum(map(len, owners)) + sum(map(len, inner))


def _inputs(served: Served, described: Any, raw: memoryview) -> Arrays:
    if not isinstance(described, list) or not described:
        raise InputError("MISSING_FIELD", 'The request lacks "inputs", a list of tensors.', "inputs")
    if len(described) > v2.MAX_TENSORS:
        raise InputError("TOO_MANY_TENSORS", f"inputs may have at most {v2.MAX_TENSORS} tensors.", "inputs")
    tensors: Arrays = {}
    for position, item in enumerate(described):
        where = f"inputs[{position}]"
        if isinstance(item, dict):
            checked_parameters(item, f"{where}.parameters")
        if isinstance(item, dict) and "data" in item:
            name, array = array_of(item, where)
        else:
            name, array, used = v2.raw_tensor(item, where, raw)
            raw = raw[used:]
        if name in tensors:
            raise InputError("DUPLICATE_KEY", f"{where} is named like an earlier one.", where)
        tensors[name] = array
    if raw:
        raise InputError("WRONG_SIZE", f"{len(raw)} bytes are left over after the last tensor.")
    return _encoded(served, tensors)


def _encoded(served: Served, tensors: Arrays) -> Arrays:
    """The words among the tensors as the graph has them."""
    for position, (name, array) in enumerate(tensors.items()):
        if array.dtype == object:
            tensors[name] = served.encoder.encode_words(name, words(array, f"inputs[{position}]"))
    return tensors


def words(array: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
    """BYTES elements as strings; raises InputError BAD_UTF8."""
    found = np.empty(array.size, dtype=object)
    try:
        found[:] = [one.decode("utf-8") if isinstance(one, bytes) else one for one in array.ravel().tolist()]
    except UnicodeDecodeError as problem:
        raise InputError("BAD_UTF8", f"{where} holds an element that is not UTF-8.", where) from problem
    return found.reshape(array.shape)


def wanted(served: Served, described: Any, binary: bool) -> list[tuple[str, bool]]:
    """(output, whether binary) in the order of the answer; raises InputError, ApiError."""
    known = [one["name"] for one in output_tensors(served)]
    if described is None or described == []:
        return [(name, binary) for name in known]
    if not isinstance(described, list):
        raise InputError("WRONG_TYPE", "outputs must be a list.", "outputs")
    chosen: list[tuple[str, bool]] = []
    for position, item in enumerate(described):
        where = f"outputs[{position}]"
        name = item.get("name") if isinstance(item, dict) else None
        if not isinstance(name, str) or name not in known:
            asked = shown(name) if isinstance(name, str) else "nothing"
            raise InputError("UNKNOWN_FIELD", f"{where} names {asked}; there are {', '.join(known)}.", where)
        if name in [one for one, _ in chosen]:
            raise InputError("DUPLICATE_KEY", f"{where} asks for {name!r} again.", where)
        parameters = checked_parameters(item, f"{where}.parameters")
        if parameters.get("classification") is not None:
            raise ApiError(
                400, "BAD_PARAMETER", f"The classification extension is not spoken here; ask for {LABEL}.", where
            )
        chosen.append((name, bool(parameters.get("binary_data", binary))))
    return chosen


def _answer(
    served: Served, identifier: str | None, wanted: list[tuple[str, bool]], output: Output
) -> tuple[Headers, bytes]:
    described: list[dict[str, Any]] = []
    raw: list[bytes] = []
    for name, binary in wanted:
        array = labels(served, output) if name == LABEL else output
        item: dict[str, Any] = {
            "name": name,
            "datatype": "BYTES" if name == LABEL else "FP32",
            "shape": list(array.shape),
        }
        if binary:
            data = v2.raw_bytes(array)
            item["parameters"] = {"binary_data_size": len(data)}
            raw.append(data)
        else:
            item["data"] = array.tolist() if name == LABEL else array.ravel()
        described.append(item)
    document: dict[str, Any] = {"model_name": served.name, "model_version": str(served.version), "outputs": described}
    if identifier is not None:
        document["id"] = identifier
    header = wire.dumps(document)
    if not raw:
        return JSON_HEADERS, header
    headers = [("content-type", v2.CONTENT_TYPE), (_LENGTH, str(len(header)))]
    return headers, b"".join((header, *raw))


def labels(served: Served, output: Output) -> npt.NDArray[Any]:
    """The most probable class of each row, as strings."""
    found = np.empty(len(output), dtype=object)
    found[:] = [served.signature.target.classes[best] for best in output.argmax(axis=1)]
    return found
