"""Good inputs for every decoder, from which the hostile ones are made, and the two models that they are for."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from mulgam import minisign
from mulgam import tensors as v2
from mulgam.registry import Entry
from mulgam.signature import Feature, Signature, Target, Tolerance, graph_inputs, graph_outputs
from service.rpc.open_inference_pb2 import InferTensorContents, ModelInferRequest
from service.versions.served import Served

_TOLERANCE = {runtime: {"float32": Tolerance(1e-5, 1.0)} for runtime in ("torchscript", "onnx")}


def served(*features: Feature, classes: tuple[str, ...] = ()) -> Served:
    """A model of these features, without files."""
    target = Target("y", classes=classes)
    task = "classification" if classes else "regression"
    made = Entry("m", 1, Path("m", "1"), "ab" * 32)
    vars(made)["signature"] = Signature(
        "m", cast(Any, task), features, target, graph_inputs(features), graph_outputs(target), _TOLERANCE
    )
    return Served(made, "onnx")


PLAIN = served(*(Feature(name, "number", missing=True) for name in ("area", "rooms", "distance")))
MIXED = served(
    Feature("size", "number"),
    Feature("town", "category", missing=True, vocabulary=("Seoul", "부산", "7")),
    Feature("new", "boolean"),
    Feature("words", "text", length=6),
    classes=("cheap", "dear"),
)
ROWS = [
    b'{"instances":[[32,3,0.3]]}',
    b'{"instances":[{"area":32,"rooms":null,"distance":0.3},[1,2.5,-3e2]]}',
]
V1_ROWS = [ROWS[0], b'{"inputs":[[32,3,0.3],[33,3,0.5]]}']
MIXED_ROWS = [
    '{"instances":[[1.5,"Seoul",true,"물감 ab"]]}'.encode(),
    '{"instances":[{"size":1,"town":null,"new":false,"words":"x"},[2,"부산",true,""]]}'.encode(),
]
_NUMERIC = {"name": "numeric", "datatype": "FP32", "shape": [1, 3], "data": [32, 3, 0.3]}
_WORDS = [
    {"name": "numeric", "datatype": "FP32", "shape": [1, 1], "data": [1.5]},
    {"name": "categories", "datatype": "BYTES", "shape": [1, 2], "data": ["Seoul", "true"]},
    {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["ab"]},
]
_IDS = [
    _WORDS[0],
    {"name": "categories", "datatype": "INT64", "shape": [1, 2], "data": [2, 3]},
    {"name": "text", "datatype": "INT32", "shape": [1, 6], "data": [97, 98, 0, 0, 0, 0]},
]
TENSORS = [
    json.dumps({"inputs": [_NUMERIC]}).encode(),
    json.dumps({"id": "7", "inputs": [_NUMERIC | {"data": [[32, None, 0.3]]}], "outputs": [{"name": "prediction"}],
                "parameters": {"binary_data_output": True}}).encode(),
    json.dumps({"inputs": [_NUMERIC], "outputs": [
        {"name": "prediction", "parameters": {"binary_data": True}}]}).encode(),
]  # fmt: skip
MIXED_TENSORS = [json.dumps({"inputs": tensors}).encode() for tensors in (_WORDS, _IDS)]
_ARRAY = np.array([[32, 3, 0.3], [np.nan, 1, 2]], np.float32)
_HEAD, _BODY = v2.encode("inputs", {"numeric": _ARRAY})
_OUT_HEAD, _OUT = v2.encode("outputs", {"prediction": np.array([1.5], np.float32)}, {"digest": "ab" * 32})
_WORD_HEAD, _WORD_BODY = v2.encode(
    "inputs",
    {
        "numeric": np.ones((1, 1), np.float32),
        "categories": np.array([["Seoul", "true"]], object),
        "text": np.array(["ab"], object),
    },
)


def _with_length(length: int, body: bytes) -> bytes:
    """A header's value, a line break, the body."""
    return b"%d\n%s" % (length, body)


def _message(model: Served, tensors: list[dict[str, Any]], fields: Sequence[str]) -> bytes:
    message = ModelInferRequest(model_name=model.name)
    for tensor, field in zip(tensors, fields, strict=True):
        data = [one.encode() if isinstance(one, str) else one for one in tensor["data"]]
        contents = InferTensorContents(**{field: data})
        message.inputs.add(name=tensor["name"], datatype=tensor["datatype"], shape=tensor["shape"], contents=contents)
    return message.SerializeToString()


def _field(number: int, data: bytes) -> bytes:
    """A field of a protobuf message, of less than 128 bytes."""
    return bytes((number << 3 | 2, len(data))) + data


BINARY = [_with_length(_HEAD, _BODY)]
BINARY_WORDS = [_with_length(_WORD_HEAD, _WORD_BODY)]
RAW = [_with_length(0, _ARRAY.tobytes())]
_RAW_MESSAGE = ModelInferRequest(
    model_name="m",
    raw_input_contents=[_ARRAY.tobytes()],
    inputs=[ModelInferRequest.InferInputTensor(name="numeric", datatype="FP32", shape=[2, 3])],
)
MESSAGES = [_message(PLAIN, [_NUMERIC], ["fp32_contents"]), _RAW_MESSAGE.SerializeToString()]
MIXED_MESSAGES = [
    _message(MIXED, _WORDS, ["fp32_contents", "bytes_contents", "bytes_contents"]),
    _message(MIXED, _IDS, ["fp32_contents", "int64_contents", "int_contents"]),
]
CSV = [b'id,area,rooms,distance\n1,32,3,0.3\n2,,3,"0.5"\n\n3,1e3,-4,nan\n']
MIXED_CSV = ['town,new,words,size,id\nSeoul,true,"물, ""감""",1.5,a\n,FALSE,"x\ny",2,b\r\n'.encode()]
NDJSON = [b'[32,3,0.3]\n{"area":1,"rooms":null,"distance":3}\n\n[1,2,3]\n']
KEEP = [b"id,name", b'"a,b",c']
_GZIP = gzip.compress(ROWS[0], mtime=0)
COMPRESSED = [b"gzip\n" + _GZIP, b"deflate\n" + zlib.compress(ROWS[1]), b"gzip\n" + _GZIP + _GZIP, b"identity\nx"]
HEADS = [
    b"/predict/m\r\nHost: a\r\nContent-Length: 5\r\ntraceparent: 00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01",
    b"/v2\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue",
]
REPLIES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nInference-Header-Content-Length: %d\r\n\r\n%s"
    % (len(_OUT), _OUT_HEAD, _OUT),
    b'HTTP/1.1 503 Busy\r\nContent-Length: 29\r\n\r\n{"code":503,"message":"busy"}',
]
_CHOICE = {"default": 2, "previous": 1, "canary": {"version": 3, "share": 0.1}, "shadow": 4}
PLANS = [json.dumps({"format": 1, "generation": 3, "models": {"m": _CHOICE}}).encode()]
SIGNATURES = [one.signature.dumps().encode() for one in (PLAIN, MIXED)]
GOLDEN = [json.dumps({"format": 1, "requests": [{"instances": [[1, 2, 3]], "answer": [1.5]}]}).encode()]
SUMS = [b"0" * 64 + b"  model.pt\n"]
_WEIGHT = _field(8, b"w") + _field(9, bytes(4))
ONNX = [_field(2, b"mulgam") + _field(7, _field(1, _field(4, b"Add")) + _field(5, _WEIGHT))]
KEYS = [b"# a\n0123456789abcdef\nfedcba9876543210==\n"]
_SIGNING = minisign.generate()
TRUSTED = [_SIGNING.public.text().encode(), b"# a\n\n" + _SIGNING.public.text().encode()]
SIGNING = [_SIGNING.text().encode()]
SIGNED = [minisign.sign(b"sums", "mulgam model=a version=1", _SIGNING).text().encode()]
SETTINGS = [b"MULGAM_PORT=8000\nMULGAM_BODY_TIMEOUT=2.5\nMULGAM_BACKEND=oip\nHOME=/x"]
