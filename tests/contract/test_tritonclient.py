"""An unmodified tritonclient works against the gateway, over HTTP and over gRPC: metadata, health, tensors, errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from mulgam.registry import Registry
from tests.builders import NOTES_ROWS
from tests.contract.triton_clients import ROADS, Client, status
from tests.processes import free_port, serving

pytestmark = [
    pytest.mark.live,
    pytest.mark.beside,
    # gevent, which the HTTP client runs on, patches nothing but warns of what it would.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

ROWS = np.array(NOTES_ROWS, np.float32)
Ports = dict[str, int]


@pytest.fixture(scope="module", params=["onnxruntime", "torchserve", "oip"])
def ports(
    request: pytest.FixtureRequest, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ports]:
    """A ready service over each backend, of `oip` before another Mulgam: where it listens for which protocol."""
    grpc_port = free_port()
    settings = {"backend": request.param, "grpc_port": str(grpc_port)}
    with ExitStack() as held:
        if request.param == "oip":
            folder = tmp_path_factory.mktemp("far")
            far = held.enter_context(serving(registry.root, folder, backend="onnxruntime"))
            settings |= {"oip_url": f"http://127.0.0.1:{far.port}", "runtime": "onnx"}
        service = held.enter_context(serving(registry.root, tmp_path_factory.mktemp("serve"), **settings))
        yield {"http": service.port, "grpc": grpc_port}


@pytest.fixture(params=ROADS)
def client(request: pytest.FixtureRequest, ports: Ports) -> Iterator[Client]:
    """The client as anyone would make it, over each road."""
    client = Client(request.param, ports[request.param])
    yield client
    client.close()


def test_server_and_models_are_alive_and_ready(client: Client) -> None:
    """By the status alone, or by the answer's word."""
    assert client.inner.is_server_live()
    assert client.inner.is_server_ready()
    assert client.inner.is_model_ready("notes")
    assert client.inner.is_model_ready("notes", "1")


def test_metadata_names_inputs_outputs_and_versions(client: Client) -> None:
    """As strings where the client wants strings."""
    assert "binary_tensor_data" in client.server()["extensions"]
    metadata = client.model("shapes")
    assert metadata["versions"] == ["1"]
    assert metadata["inputs"] == [{"name": "numeric", "datatype": "FP32", "shape": [-1, 3]}]
    assert [output["name"] for output in metadata["outputs"]] == ["probabilities", "label"]
    assert client.model("shapes", "1") == metadata


def test_the_index_lists_what_is_served(client: Client) -> None:
    """Every model with its state."""
    assert {(one["name"], one["state"]) for one in client.index()} == {("notes", "READY"), ("shapes", "READY")}


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False, None])
def test_a_prediction_comes_as_json_and_as_binary(client: Client, binary_in: bool, binary_out: bool | None) -> None:
    """Every mixture of both directions; with no outputs named the client asks for binary."""
    outputs = None if binary_out is None else [client.output("prediction", binary_out)]
    given = [client.tensor(ROWS, binary=binary_in)]
    result, response = client.infer("notes", given, outputs=outputs, request_id="7")
    assert result.as_numpy("prediction") == pytest.approx([5.3, 6.2, 6.8], abs=1e-5)
    assert (response["id"], response["model_name"], response["model_version"]) == ("7", "notes", "1")


def test_several_outputs_come_together(client: Client) -> None:
    """Probabilities binary, labels as JSON, in the order asked for."""
    outputs = [client.output("label", binary=False), client.output("probabilities")]
    result, response = client.infer("shapes", [client.tensor(ROWS)], outputs=outputs)
    assert [one["name"] for one in response["outputs"]] == ["label", "probabilities"]
    probabilities = result.as_numpy("probabilities")
    assert probabilities.shape == (3, 3)
    assert probabilities.sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    classes = np.array(["circle", "square", "triangle"])
    found = [one.decode() if isinstance(one, bytes) else one for one in result.as_numpy("label").tolist()]
    assert found == classes[probabilities.argmax(axis=1)].tolist()


def test_a_label_comes_binary_too(client: Client) -> None:
    """BYTES with a length before each."""
    result, _ = client.infer("shapes", [client.tensor(ROWS)])
    assert {label.decode() for label in result.as_numpy("label")} <= {"circle", "square", "triangle"}


def test_a_missing_value_is_nan_in_binary(client: Client) -> None:
    """Where the signature allows one."""
    result, _ = client.infer("notes", [client.tensor(np.array([[np.nan, 3, 0.3]], np.float32))])
    assert result.as_numpy("prediction") == pytest.approx([5.4], abs=1e-5)


def test_a_timeout_and_a_priority_are_taken(client: Client) -> None:
    """The client sends them as parameters; its own time-out is in microseconds."""
    result, _ = client.infer("notes", [client.tensor(ROWS)], timeout=10_000_000, priority=1)
    assert result.as_numpy("prediction") is not None


def test_statistics_are_refused_in_words(client: Client) -> None:
    """No model called "stats" is looked for; the sentence says where the figures are."""
    with pytest.raises(InferenceServerException) as caught:
        client.inner.get_inference_statistics()
    if client.is_http:
        assert "GET /models/<model>/stats" in caught.value.message()
    else:
        assert caught.value.status() == "StatusCode.UNIMPLEMENTED"


def test_shared_memory_is_refused(client: Client) -> None:
    """An output that is asked for in a region is not answered elsewhere."""
    output = client.output("prediction")
    output.set_shared_memory("region", 12)
    with pytest.raises(InferenceServerException, match="shared memory is not spoken here") as caught:
        client.infer("notes", [client.tensor(ROWS)], outputs=[output])
    assert status(caught.value) == 400


def test_a_large_request_is_answered(client: Client) -> None:
    """More than is parsed on the event loop."""
    result, _ = client.infer("notes", [client.tensor(np.tile(ROWS, (3000, 1)))])
    assert result.as_numpy("prediction") == pytest.approx([5.3, 6.2, 6.8] * 3000, abs=1e-5)


@pytest.mark.parametrize(
    ("values", "options", "expected", "sentence"),
    [
        (np.ones((1, 2), np.float32), {}, 400, "shape [1, 2]; expected [rows, 3]"),
        (np.ones((1, 3), np.int64), {"kind": "INT64"}, 400, "must be FP32"),
        (np.ones((1, 3), np.float32), {"name": "other"}, 400, "There is no input 'other'"),
        (np.full((1, 3), np.inf, np.float32), {}, 400, "infinity"),
        (np.ones((10_001, 3), np.float32), {}, 413, "at most 10000"),
    ],
)
def test_a_wrong_input_is_a_sentence_the_client_shows(
    client: Client, values: np.ndarray, options: dict[str, Any], expected: int, sentence: str
) -> None:
    """The status, and our sentence as the exception's message."""
    with pytest.raises(InferenceServerException) as caught:
        client.infer("notes", [client.tensor(values, **options)])
    assert sentence in caught.value.message()
    assert status(caught.value) == expected


def test_an_unknown_model_version_or_output_is_said(client: Client) -> None:
    """404, 404, 400."""
    for model, version, outputs, expected in (
        ("nope", "", None, 404),
        ("notes", "9", None, 404),
        ("notes", "", [client.output("nope")], 400),
    ):
        with pytest.raises(InferenceServerException) as caught:
            client.infer(model, [client.tensor(ROWS)], model_version=version, outputs=outputs)
        assert status(caught.value) == expected
    with pytest.raises(InferenceServerException) as caught:
        client.model("nope")
    assert status(caught.value) == 404
