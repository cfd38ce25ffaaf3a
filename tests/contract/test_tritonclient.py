"""An unmodified tritonclient works against the gateway: metadata, health, JSON and binary tensors, errors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from mulgam.registry import Registry
from tests.builders import NOTES_ROWS
from tests.processes import Serving, serving

pytestmark = [
    pytest.mark.live,
    # gevent, which the client runs on, patches nothing but warns of what it would.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

ROWS = np.array(NOTES_ROWS, np.float32)


@pytest.fixture(scope="module", params=["onnxruntime", "torchserve"])
def service(
    request: pytest.FixtureRequest, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    """A ready service over each backend."""
    with serving(registry.root, tmp_path_factory.mktemp("serve"), backend=request.param) as service:
        yield service


@pytest.fixture
def client(service: Serving) -> Iterator[triton.InferenceServerClient]:
    """The client as anyone would make it."""
    client = triton.InferenceServerClient(f"127.0.0.1:{service.port}")
    yield client
    client.close()


def tensor(values: np.ndarray, binary: bool = True, name: str = "numeric", kind: str = "FP32") -> triton.InferInput:
    """An input."""
    given = triton.InferInput(name, list(values.shape), kind)
    given.set_data_from_numpy(values, binary_data=binary)
    return given


def test_server_and_models_are_alive_and_ready(client: triton.InferenceServerClient) -> None:
    """Health by the status alone."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("notes")
    assert client.is_model_ready("notes", "1")


def test_metadata_names_inputs_outputs_and_versions(client: triton.InferenceServerClient) -> None:
    """As strings where the client wants strings."""
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata("shapes")
    assert metadata["versions"] == ["1"]
    assert metadata["inputs"] == [{"name": "numeric", "datatype": "FP32", "shape": [-1, 3]}]
    assert [output["name"] for output in metadata["outputs"]] == ["probabilities", "label"]


def test_the_index_lists_what_is_served(client: triton.InferenceServerClient) -> None:
    """A top-level list."""
    assert {(one["name"], one["state"]) for one in client.get_model_repository_index()} == {
        ("notes", "READY"),
        ("shapes", "READY"),
    }


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False, None])
def test_a_prediction_comes_as_json_and_as_binary(
    client: triton.InferenceServerClient, binary_in: bool, binary_out: bool | None
) -> None:
    """Every mixture of both directions; with no outputs named the client asks for binary."""
    outputs = None if binary_out is None else [triton.InferRequestedOutput("prediction", binary_data=binary_out)]
    result = client.infer("notes", [tensor(ROWS, binary_in)], outputs=outputs, request_id="7")
    assert result.as_numpy("prediction") == pytest.approx([5.3, 6.2, 6.8], abs=1e-5)
    assert result.get_response()["id"] == "7"
    assert result.get_response()["model_version"] == "1"


def test_several_outputs_come_together(client: triton.InferenceServerClient) -> None:
    """Probabilities binary, labels as JSON, in the order asked for."""
    outputs = [
        triton.InferRequestedOutput("label", binary_data=False),
        triton.InferRequestedOutput("probabilities", binary_data=True),
    ]
    result = client.infer("shapes", [tensor(ROWS)], outputs=outputs)
    probabilities = result.as_numpy("probabilities")
    assert probabilities.shape == (3, 3)
    assert probabilities.sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    classes = np.array(["circle", "square", "triangle"])
    assert result.as_numpy("label").tolist() == classes[probabilities.argmax(axis=1)].tolist()


def test_a_label_comes_binary_too(client: triton.InferenceServerClient) -> None:
    """BYTES with a length before each."""
    labels = client.infer("shapes", [tensor(ROWS)]).as_numpy("label")
    assert {label.decode() for label in labels} <= {"circle", "square", "triangle"}


def test_a_missing_value_is_nan_in_binary(client: triton.InferenceServerClient) -> None:
    """Where the signature allows one."""
    rows = np.array([[np.nan, 3, 0.3]], np.float32)
    assert client.infer("notes", [tensor(rows)]).as_numpy("prediction") == pytest.approx([5.4], abs=1e-5)


def test_a_timeout_and_a_priority_are_taken(client: triton.InferenceServerClient) -> None:
    """The client sends them as parameters."""
    assert client.infer("notes", [tensor(ROWS)], timeout=1_000_000, priority=1).as_numpy("prediction") is not None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (tensor(np.ones((1, 2), np.float32)), "shape [1, 2]; expected [rows, 3]"),
        (tensor(np.ones((1, 3), np.int64), kind="INT64"), "must be FP32"),
        (tensor(np.ones((1, 3), np.float32), name="other"), "There is no input 'other'"),
        (tensor(np.full((1, 3), np.inf, np.float32)), "infinity"),
    ],
)
def test_a_wrong_input_is_a_sentence_the_client_shows(
    client: triton.InferenceServerClient, given: triton.InferInput, sentence: str
) -> None:
    """Status 400, and our sentence as the exception's message."""
    with pytest.raises(InferenceServerException) as caught:
        client.infer("notes", [given])
    assert sentence in caught.value.message()
    assert caught.value.status() == "400"


def test_an_unknown_model_version_or_output_is_said(client: triton.InferenceServerClient) -> None:
    """404, 404, 400."""
    for model, version, outputs, status in (
        ("nope", "", None, "404"),
        ("notes", "9", None, "404"),
        ("notes", "", [triton.InferRequestedOutput("nope")], "400"),
    ):
        with pytest.raises(InferenceServerException) as caught:
            client.infer(model, [tensor(ROWS)], model_version=version, outputs=outputs)
        assert caught.value.status() == status
