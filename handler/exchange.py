"""One HTTP request of TorchServe and its answer: the contract between the gateway and this handler.

Request::

    POST /predictions/<model>/<version>
    Content-Type: application/octet-stream
    Inference-Header-Content-Length: <length of the JSON part>
    Mulgam-Deadline: <when nobody waits any more, on the machine's monotonic clock; may be absent>

    <V2 binary encoding of the section "inputs": the graph's inputs, all with the same number of rows>

Answer, 200::

    Content-Type: application/octet-stream
    Inference-Header-Content-Length: <length of the JSON part>

    <V2 binary encoding of the section "outputs": the signature's one output, "parameters": {
        "digest":  the digest of the files that computed it,
        "runtime": "torchscript" | "onnx",
        "device":  "cpu" | "cuda:<n>"}>

Any other answer of this handler is JSON, `Content-Type: application/json`::

    {"error": "<one sentence>", "code": "WRONG_SHAPE", "field": "numeric"}      ("field" may be null)

    4xx  the request: 400, or 415 UNSUPPORTED_MEDIA_TYPE where the body is not application/octet-stream
    400  TOO_LATE           nobody waits for the answer any more: nothing was computed
    500  NON_FINITE_OUTPUT  the model gave NaN or an infinity for a row of this request
    500  MODEL_FAILED       the model could not compute this request

Everything else comes from TorchServe itself, `{"code": <status>, "type": "...", "message": "..."}` with a
number as code: 404 no such model or version; 500, 503 and 507 queue full, no worker or a worker that died;
413 body too large, with no body at all. So a *string* in `code` says that this handler answered.

TorchServe closes the connection after any status of 400 and above. It hands several requests to the handler
as one list where `batchSize` is above 1; each keeps its own status, headers and body. The codec is
`mulgam.tensors`'s. All of this was seen on TorchServe 0.12.0 and is pinned by `tests/handler/test_live.py`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from mulgam import tensors as v2
from mulgam.encoding.checking import check_tensors
from mulgam.errors import InputError
from mulgam.exchanges import Reader, Writer
from mulgam.signature import Signature
from mulgam.tensors import Arrays


@dataclass(frozen=True)
class Request:
    """What TorchServe hands over of one HTTP request; `body` is None where it was no binary one."""

    body: bytes | bytearray | None
    header_length: str | None
    deadline: str | None = None

    def is_late(self) -> bool:
        """Whether nobody waits for the answer any more; TorchServe can't be told to drop a call that was given up."""
        try:
            return self.deadline is not None and time.monotonic() > float(self.deadline)
        except ValueError:
            return False


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of one HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange:
    """Reads the requests and writes the predictions of one model.

    Args:
        signature: the model's.
        parameters: which files, runtime and device compute it, as every prediction says.
    """

    def __init__(self, signature: Signature, parameters: Mapping[str, str]) -> None:
        self._signature = signature
        self._reader = Reader("inputs")
        self._writer = Writer("outputs", parameters)

    def read(self, request: Request) -> Arrays:
        """The graph's inputs in a request, checked against the signature.

        Raises:
            InputError: with the code and the input it is about.
        """
        if request.is_late():
            raise InputError("TOO_LATE", "Nobody waits for the answer any more.")
        if request.body is None:
            raise InputError("UNSUPPORTED_MEDIA_TYPE", f"The body must be {v2.CONTENT_TYPE}.")
        if not request.body:
            raise InputError("EMPTY_BODY", "The request has no body.")
        tensors = self._reader.decode(request.body, request.header_length).tensors
        check_tensors(self._signature, tensors)
        return tensors

    def prediction(self, output: npt.NDArray[Any]) -> Answer:
        """The answer that carries an output."""
        header_length, body = self._writer.encode({self._signature.output.name: output})
        return Answer(200, {"content-type": v2.CONTENT_TYPE, v2.LENGTH_HEADER: str(header_length)}, body)


def refusal(problem: InputError) -> Answer:
    """The answer to a request that is not what the signature asks for."""
    status = 415 if problem.code == "UNSUPPORTED_MEDIA_TYPE" else 400
    return _error(status, problem.code, str(problem), problem.field)


def failure(code: str, sentence: str) -> Answer:
    """The answer where the request was good and the model failed."""
    return _error(500, code, sentence, None)


def _error(status: int, code: str, sentence: str, field: str | None) -> Answer:
    body = json.dumps({"error": sentence, "code": code, "field": field}).encode()
    return Answer(status, {"content-type": "application/json"}, body)
