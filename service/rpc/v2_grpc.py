"""Open Inference Protocol V2 over gRPC: a `ModelInfer` message to tensors, the output to its answer. No IO.

The checks are those of V2 over REST. Tensors are raw (`raw_input_contents`) or typed (`contents`); the answer comes in
the way that the request came.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from mulgam import tensors as v2
from mulgam.encoding.checking import check_tensors
from mulgam.errors import InputError
from mulgam.tensors import Arrays
from service.protocols.base import Decoded, Headers, Output, check_rows
from service.protocols.v2 import labels, wanted, words
from service.protocols.v2_metadata import LABEL
from service.protocols.v2_parameters import checked_id, checked_parameters, checked_timeout
from service.rpc.open_inference_pb2 import InferTensorContents, ModelInferRequest, ModelInferResponse
from service.versions.served import Served

_FIELDS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def asked(data: bytes) -> tuple[str, str]:
    """The model and the version ("" where none is named) that a message asks; raises InputError BAD_MESSAGE."""
    request = _parsed(data)
    return request.model_name, request.model_version


def decode(served: Served, data: bytes, max_rows: int) -> Decoded:
    """Check and encode a message.

    Raises:
        InputError: BAD_MESSAGE, or it does not fit the signature.
        ApiError: 413, or a wrong parameter.
    """
    request = _parsed(data)
    identifier = checked_id(request.id)
    timeout = checked_timeout(checked_parameters({"parameters": _parameters(request.parameters)}, "parameters"))
    tensors = _inputs(served, request)
    rows = check_tensors(served.signature, tensors)
    check_rows(rows, max_rows)
    described = [{"name": one.name, "parameters": _parameters(one.parameters)} for one in request.outputs]
    raw = bool(request.raw_input_contents)
    chosen = [name for name, _ in wanted(served, described, True)]
    return Decoded(tensors, rows, partial(_rendered, served, identifier or "", chosen, raw), timeout)


def _parsed(data: bytes) -> ModelInferRequest:
    try:
        request: ModelInferRequest = ModelInferRequest.FromString(data)
    except DecodeError as problem:
        raise InputError("BAD_MESSAGE", "The message is no ModelInferRequest.") from problem
    return request


def _inputs(served: Served, request: ModelInferRequest) -> Arrays:
    described, raw = request.inputs, request.raw_input_contents
    if not described:
        raise InputError("MISSING_FIELD", "The request lacks inputs.", "inputs")
    if len(described) > v2.MAX_TENSORS:
        raise InputError("TOO_MANY_TENSORS", f"inputs may have at most {v2.MAX_TENSORS} tensors.", "inputs")
    if raw and len(raw) != len(described):
        raise InputError(
            "WRONG_SIZE", f"There are {len(raw)} raw contents for {len(described)} inputs.", "raw_input_contents"
        )
    tensors: Arrays = {}
    for position, item in enumerate(described):
        where = f"inputs[{position}]"
        checked_parameters({"parameters": _parameters(item.parameters)}, f"{where}.parameters")
        if raw:
            if item.HasField("contents"):
                raise InputError("WRONG_SIZE", f"{where} has contents beside the raw ones.", where)
            array = _raw(item, raw[position], where)
        else:
            array = _typed(item, where)
        if item.name in tensors:
            raise InputError("DUPLICATE_KEY", f"{where} is named like an earlier one.", where)
        if array.dtype == object:
            array = served.encoder.encode_words(item.name, words(array, where))
        tensors[item.name] = array
    return tensors


def _described(item: ModelInferRequest.InferInputTensor) -> dict[str, Any]:
    return {"name": item.name, "datatype": item.datatype, "shape": list(item.shape)}


def _raw(item: ModelInferRequest.InferInputTensor, data: bytes, where: str) -> npt.NDArray[Any]:
    description = {**_described(item), "parameters": {"binary_data_size": len(data)}}
    return v2.raw_tensor(description, where, memoryview(data))[1]


def _typed(item: ModelInferRequest.InferInputTensor, where: str) -> npt.NDArray[Any]:
    _, datatype, shape, _ = v2.described_tensor(_described(item), where)
    field = _FIELDS.get(datatype)
    if field is None:
        raise InputError("WRONG_DATATYPE", f"{where}: {datatype} must be sent as raw contents.", where)
    others = [found.name for found, _ in item.contents.ListFields() if found.name != field]
    if others:
        raise InputError("WRONG_TYPE", f"{where}: {datatype} belongs in {field}, not in {others[0]}.", where)
    elements = getattr(item.contents, field)
    if len(elements) != math.prod(shape):
        raise InputError(
            "WRONG_SIZE", f"{where} has {len(elements)} elements for a shape of {math.prod(shape)}.", where
        )
    if datatype == "BYTES":
        array = np.empty(len(elements), dtype=object)
        array[:] = list(elements)
        return array.reshape(shape)
    try:
        # As a list: from protobuf's own sequence numpy would cut off what does not fit.
        return np.array(list(elements), dtype=v2.DTYPES[datatype]).reshape(shape)
    except OverflowError as problem:
        raise InputError("OUT_OF_RANGE", f"{where}: an element does not fit {datatype}.", where) from problem


def _parameters(given: Any) -> dict[str, Any]:
    chosen = ((name, value, value.WhichOneof("parameter_choice")) for name, value in given.items())
    return {name: getattr(value, choice) if choice else None for name, value, choice in chosen}


def _rendered(served: Served, identifier: str, chosen: list[str], raw: bool, output: Output) -> tuple[Headers, bytes]:
    answer = ModelInferResponse(model_name=served.name, model_version=str(served.version), id=identifier)
    for name in chosen:
        array = labels(served, output) if name == LABEL else output
        described = answer.outputs.add(
            name=name, datatype="BYTES" if name == LABEL else "FP32", shape=list(array.shape)
        )
        if raw:
            answer.raw_output_contents.append(v2.raw_bytes(array))
        elif name == LABEL:
            contents = InferTensorContents(bytes_contents=[label.encode() for label in array.tolist()])
            described.contents.CopyFrom(contents)
        else:
            described.contents.fp32_contents.extend(array.ravel().tolist())
    return [], answer.SerializeToString()
