"""The V2 protocol's own mistakes, each with its status and code; what is hostile costs nothing and breaks nothing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mulgam import tensors as v2

PATH = "/v2/models/notes/infer"
ROW = {"name": "numeric", "datatype": "FP32", "shape": [1, 3], "data": [32, 3, 0.3]}

CLASSIFICATION = {"name": "prediction", "parameters": {"classification": 3}}


def infer(client: FlaskClient, document: Any, raw: bytes = b"", path: str = PATH, length: str | None = None) -> Any:
    """A V2 request: JSON, and raw tensors after it where there are any."""
    header = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = {}
    if raw or length is not None:
        headers[v2.LENGTH_HEADER] = str(len(header)) if length is None else length
    return client.post(path, data=header + raw, headers=headers)


def binary(shape: list[int], size: Any, datatype: str = "FP32", name: str = "numeric") -> dict[str, Any]:
    """A described tensor whose data are raw."""
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}


@pytest.mark.parametrize("data", [[32, 3, 0.3, None, 3, 0.3], [[32, 3, 0.3], [None, 3, 0.3]]])
def test_data_may_be_flat_or_nested(client: FlaskClient, data: list[Any]) -> None:
    """Row-major, `null` for a missing value."""
    answer = infer(client, {"inputs": [{**ROW, "shape": [2, 3], "data": data}]})
    (output,) = answer.json["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("prediction", "FP32", [2])
    assert output["data"] == pytest.approx([5.3, 5.4], abs=1e-5)


def test_a_raw_body_is_the_one_input(client: FlaskClient) -> None:
    """Header length 0: rows of float32, the answer binary."""
    rows = np.array([[32, 3, 0.3], [33, 3, 0.5]], np.float32)
    answer = client.post(PATH, data=rows.tobytes(), headers={v2.LENGTH_HEADER: "0"})
    length = int(answer.headers[v2.LENGTH_HEADER])
    assert np.frombuffer(answer.data[length:], np.float32) == pytest.approx([5.3, 6.2], abs=1e-5)


@pytest.mark.parametrize(
    ("document", "raw", "code"),
    [
        ({}, b"", "MISSING_FIELD"),
        ({"inputs": []}, b"", "MISSING_FIELD"),
        ({"inputs": 5}, b"", "MISSING_FIELD"),
        ([1], b"", "NOT_AN_OBJECT"),
        (b"{", b"", "BAD_JSON"),
        (b'{"inputs":[{"name":"numeric","datatype":"FP32","shape":[1,3],"data":[NaN,1,2]}]}', b"", "NON_FINITE"),
        ({"inputs": [ROW], "id": 7}, b"", "BAD_PARAMETER"),
        ({"inputs": [ROW], "id": "x" * 1025}, b"", "BAD_PARAMETER"),
        ({"inputs": [ROW], "id": "가" * 342}, b"", "BAD_PARAMETER"),
        ({"inputs": [ROW], "parameters": []}, b"", "BAD_PARAMETER"),
        ({"inputs": [ROW], "parameters": {"binary_data_output": "yes"}}, b"", "BAD_PARAMETER"),
        ({"inputs": [ROW, ROW]}, b"", "DUPLICATE_KEY"),
        ({"inputs": [ROW] * 1000}, b"", "TOO_MANY_TENSORS"),
        ({"inputs": [{**ROW, "name": "x"}]}, b"", "UNKNOWN_FIELD"),
        ({"inputs": [{**ROW, "datatype": "FLOAT"}]}, b"", "WRONG_DATATYPE"),
        ({"inputs": [{**ROW, "datatype": "FP64"}]}, b"", "WRONG_TYPE"),
        ({"inputs": [{**ROW, "shape": [1, 2]}]}, b"", "WRONG_SIZE"),
        ({"inputs": [{**ROW, "shape": [3]}]}, b"", "WRONG_SHAPE"),
        ({"inputs": [{**ROW, "shape": [-1, 3]}]}, b"", "WRONG_SHAPE"),
        ({"inputs": [{**ROW, "shape": [0, 3], "data": []}]}, b"", "WRONG_SHAPE"),
        ({"inputs": [{**ROW, "data": ["a", 1, 2]}]}, b"", "WRONG_TYPE"),
        ({"inputs": [{**ROW, "data": [True, 1, 2]}]}, b"", "WRONG_TYPE"),
        ({"inputs": [{**ROW, "data": [1e39, 1, 2]}]}, b"", "OUT_OF_RANGE"),
        ({"inputs": [{**ROW, "data": [3.4028236e38, 1, 2]}]}, b"", "OUT_OF_RANGE"),
        ({"inputs": [{**ROW, "data": "abc"}]}, b"", "WRONG_TYPE"),
        ({"inputs": [{**ROW, "data": [[1, 2], 3]}]}, b"", "RAGGED"),
        ({"inputs": [{**ROW, "parameters": {"binary_data_size": 12}}]}, b"", "WRONG_SIZE"),
        ({"inputs": [{**ROW, "datatype": "BYTES", "data": ["a", "b", "c"]}]}, b"", "WRONG_SHAPE"),
        ({"inputs": [ROW], "outputs": [{"name": "nope"}]}, b"", "UNKNOWN_FIELD"),
        ({"inputs": [ROW], "outputs": [{"name": "prediction"}] * 2}, b"", "DUPLICATE_KEY"),
        ({"inputs": [ROW], "outputs": "prediction"}, b"", "WRONG_TYPE"),
        (
            {"inputs": [ROW], "outputs": [{"name": "prediction", "parameters": {"classification": 3}}]},
            b"",
            "BAD_PARAMETER",
        ),
        ({"inputs": [{**ROW, "parameters": {"triton_x": 1}}]}, b"", "BAD_PARAMETER"),
        ({"inputs": [{**ROW, "parameters": {"shared_memory_region": "r"}}]}, b"", "BAD_PARAMETER"),
        ({"inputs": [{**ROW, "parameters": {"binary_data": 1}}]}, b"", "BAD_PARAMETER"),
        ({"inputs": [ROW], "parameters": {"shared_memory_region": "r"}}, b"", "BAD_PARAMETER"),
        ({"inputs": [ROW], "parameters": {"timeout": "soon"}}, b"", "BAD_PARAMETER"),
        ({"inputs": [ROW], "parameters": {"timeout": -5}}, b"", "BAD_PARAMETER"),
        ({"inputs": [ROW], "parameters": {"timeout": 0.5}}, b"", "BAD_PARAMETER"),
        ({"inputs": [ROW], "parameters": {"timeout": None}}, b"", "BAD_PARAMETER"),
        ({"inputs": [ROW], "parameters": {"priority": {}}}, b"", "BAD_PARAMETER"),
        ({"inputs": [ROW], "parameters": {"priority": True}}, b"", "BAD_PARAMETER"),
        ({"inputs": [ROW], "parameters": {"priority": 2**63}}, b"", "BAD_PARAMETER"),
        ({"inputs": [binary([1, 3], 12)]}, b"\0" * 11, "WRONG_SIZE"),
        ({"inputs": [binary([1, 3], 12)]}, b"\0" * 13, "WRONG_SIZE"),
        ({"inputs": [binary([1, 3], 8)]}, b"\0" * 8, "WRONG_SIZE"),
        ({"inputs": [binary([1, 3], -1)]}, b"\0" * 12, "WRONG_SIZE"),
        ({"inputs": [binary([1, 3], "12")]}, b"\0" * 12, "WRONG_SIZE"),
        ({"inputs": [binary([2**4, 2**60 + 2], 128)]}, b"\0" * 128, "WRONG_SHAPE"),
        ({"inputs": [binary([2**2, 2**60 + 2], 32)]}, b"\0" * 32, "WRONG_SHAPE"),
        ({"inputs": [binary([1, 3], 5, "BYTES")]}, b"\xff\0\0\0x", "BAD_BYTES"),
        ({"inputs": [binary([1, 3], 12)]}, np.float32([np.inf, 1, 2]).tobytes(), "NON_FINITE"),
    ],
)
def test_each_mistake_has_its_code(client: FlaskClient, document: Any, raw: bytes, code: str) -> None:
    """400 in the one shape; the next good request is answered."""
    answer = infer(client, document, raw)
    assert (answer.status_code, answer.json["code"]) == (400, code)
    assert infer(client, {"inputs": [ROW]}).status_code == 200


def test_the_largest_float32_is_taken_as_it_is_written(client: FlaskClient) -> None:
    """As short as it is, it is above it as float64."""
    assert infer(client, {"inputs": [{**ROW, "data": [3.4028235e38, 3, 0.3]}]}).status_code == 200


def test_an_output_in_shared_memory_is_refused(client: FlaskClient) -> None:
    """An answer in the body would leave its caller with what the region held before; the sentence says why."""
    region = {"shared_memory_region": "r", "shared_memory_byte_size": 4}
    answer = infer(client, {"inputs": [ROW], "outputs": [{"name": "prediction", "parameters": region}]})
    assert (answer.status_code, answer.json["code"]) == (400, "BAD_PARAMETER")
    assert answer.json["field"] == "outputs[0].parameters"
    assert "shared memory is not spoken here" in answer.json["error"]


@pytest.mark.parametrize(("timeout", "status"), [(1, 504), (0, 200), (10_000_000, 200)])
def test_a_timeout_is_kept(steered_client: FlaskClient, timeout: int, status: int) -> None:
    """Microseconds, as Triton has it; 0 asks for none."""
    answer = infer(steered_client, {"inputs": [ROW], "parameters": {"timeout": timeout, "priority": 1}})
    assert answer.status_code == status
    assert status == 200 or answer.json["code"] == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize("length", ["99999999999", "-1", "x", "", "1e3", "100000"])
def test_a_lying_header_length_is_400(client: FlaskClient, length: str) -> None:
    """Larger than the body, negative, or no number."""
    answer = infer(client, {"inputs": [ROW]}, length=length)
    assert (answer.status_code, answer.json["code"]) == (400, "BAD_HEADER_LENGTH")


def test_too_many_rows_are_413(client: FlaskClient) -> None:
    """The same bound as for JSON rows."""
    rows = np.zeros((10_001, 3), np.float32)
    answer = infer(client, {"inputs": [binary([10_001, 3], rows.nbytes)]}, rows.tobytes())
    assert (answer.status_code, answer.json["code"]) == (413, "TOO_MANY_ROWS")


@given(st.binary(max_size=300), st.integers(0, 300) | st.none())
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_bytes_come_it_is_no_server_fault(client: FlaskClient, body: bytes, length: int | None) -> None:
    """4xx for noise."""
    headers = {} if length is None else {v2.LENGTH_HEADER: str(length)}
    assert client.post(PATH, data=body, headers=headers).status_code < 500


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["name", "shape", "datatype", "data", "inputs", "outputs", "parameters", "numeric", "FP32"]),
        inner, max_size=4,
    ),
    max_leaves=15,
)  # fmt: skip


@given(json_values)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_json_comes_it_is_no_server_fault(client: FlaskClient, inputs: Any) -> None:
    """4xx, or a good answer."""
    for document in ({"inputs": inputs}, {"inputs": [{**ROW, "data": inputs}]}, {"inputs": [ROW], "outputs": inputs}):
        assert infer(client, document).status_code < 500
