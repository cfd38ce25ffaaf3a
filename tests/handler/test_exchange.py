"""One request and its answer, without TorchServe and without a model."""

from __future__ import annotations

import json

import numpy as np
import pytest

from handler.exchange import Exchange, Request, failure, refusal
from mulgam import tensors as v2
from mulgam.errors import InputError
from tests.builders import linear_signature
from tests.handler.unpacked import request

SIGNATURE = linear_signature()
NARROW = linear_signature(missing=False)
EXCHANGE = Exchange(SIGNATURE, {})


def test_a_good_request_gives_the_graphs_inputs() -> None:
    """The tensors that were sent arrive, NaN for a missing value included."""
    tensors = EXCHANGE.read(request([32, 3, 0.3], [33, float("nan"), 0.5]))
    expected = np.array([[32, 3, 0.3], [33, np.nan, 0.5]], dtype=np.float32)
    np.testing.assert_array_equal(tensors["numeric"], expected)


def _encoded(**tensors: object) -> Request:
    length, body = v2.encode("inputs", {name: np.asarray(value) for name, value in tensors.items()})
    return Request(body, str(length))


GOOD = request([1, 2, 3])
BAD_REQUESTS = {
    "another media type": (Request(None, None), "UNSUPPORTED_MEDIA_TYPE", None),
    "no body": (Request(b"", "0"), "EMPTY_BODY", None),
    "no header length": (Request(GOOD.body, None), "BAD_JSON", None),
    "a header length beyond the body": (Request(GOOD.body, "99999999999"), "BAD_HEADER_LENGTH", None),
    "a header length that is no number": (Request(GOOD.body, "-1"), "BAD_HEADER_LENGTH", None),
    "JSON that is cut off": (Request(GOOD.body, "10"), "BAD_JSON", None),
    "a body that is cut off": (Request((GOOD.body or b"")[:-1], GOOD.header_length), "WRONG_SIZE", "inputs[0]"),
    "bytes left over": (Request((GOOD.body or b"") + b"x", GOOD.header_length), "WRONG_SIZE", None),
    "too few columns": (request([1, 2]), "WRONG_SHAPE", "numeric"),
    "no rows": (_encoded(numeric=np.zeros((0, 3), np.float32)), "WRONG_SHAPE", "numeric"),
    "another input": (request([1, 2, 3], name="numbers"), "UNKNOWN_FIELD", None),
    "no input at all": (_encoded(), "MISSING_FIELD", "numeric"),
    "another datatype": (_encoded(numeric=np.zeros((1, 3), np.float64)), "WRONG_TYPE", "numeric"),
    "text for numbers": (_encoded(numeric=np.full((1, 3), "x", dtype=object)), "WRONG_TYPE", "numeric"),
    "an infinity": (request([1, float("inf"), 3]), "NON_FINITE", "numeric"),
}


@pytest.mark.parametrize("case", BAD_REQUESTS)
def test_a_bad_request_is_refused_with_its_code(case: str) -> None:
    """Each mistake has a code, a sentence of one line, and the input it is about."""
    sent, code, field = BAD_REQUESTS[case]
    with pytest.raises(InputError) as raised:
        EXCHANGE.read(sent)
    assert (raised.value.code, raised.value.field) == (code, field)
    answer = refusal(raised.value)
    assert answer.status == (415 if code == "UNSUPPORTED_MEDIA_TYPE" else 400)
    assert answer.headers["content-type"] == "application/json"
    document = json.loads(answer.body)
    assert document == {"error": str(raised.value), "code": code, "field": field}
    assert "\n" not in document["error"]


def test_a_missing_value_is_refused_where_the_signature_wants_one() -> None:
    """NaN is the missing value; a signature without missing values does not take it."""
    with pytest.raises(InputError, match="lacks a value") as raised:
        Exchange(NARROW, {}).read(request([32, float("nan"), 0.3]))
    assert raised.value.code == "NON_FINITE"


def test_a_prediction_carries_its_tensor_and_where_it_came_from() -> None:
    """The answer decodes to the output, with digest, runtime and device beside it."""
    parameters = {"digest": "ab" * 32, "runtime": "onnx", "device": "cuda:1"}
    answer = Exchange(SIGNATURE, parameters).prediction(np.array([5.3, 6.2], dtype=np.float32))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/octet-stream")
    message = v2.decode("outputs", answer.body, answer.headers["Inference-Header-Content-Length"])
    np.testing.assert_array_equal(message.tensors["prediction"], np.array([5.3, 6.2], dtype=np.float32))
    assert message.parameters == parameters


def test_a_failure_is_a_500_of_our_own() -> None:
    """Its code is a string: that tells it from the errors of TorchServe, whose code is a number."""
    answer = failure("MODEL_FAILED", "A sentence.")
    assert answer.status == 500
    assert json.loads(answer.body) == {"error": "A sentence.", "code": "MODEL_FAILED", "field": None}
