"""The same calls through tritonclient's two roads, HTTP and gRPC: they differ in writing, not in meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

ROADS = ("http", "grpc")
# gRPC's status codes as the HTTP status of the same error.
_STATUS = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404, "RESOURCE_EXHAUSTED": 413, "UNAVAILABLE": 503}


class Client:
    """An unmodified client with one way to write things.

    Args:
        road: "http" or "grpc".
        port: that the service listens on for it.
    """

    def __init__(self, road: str, port: int) -> None:
        self.is_http = road == "http"
        self._module = tritonclient.http if self.is_http else tritonclient.grpc
        self.inner = self._module.InferenceServerClient(f"127.0.0.1:{port}")

    def tensor(self, values: np.ndarray, name: str = "numeric", kind: str = "FP32", binary: bool = True) -> Any:
        """An input; over gRPC it is always raw."""
        given = self._module.InferInput(name, list(values.shape), kind)
        given.set_data_from_numpy(values, **({"binary_data": binary} if self.is_http else {}))
        return given

    def output(self, name: str, binary: bool = True) -> Any:
        """An output that is asked for."""
        return self._module.InferRequestedOutput(name, **({"binary_data": binary} if self.is_http else {}))

    def server(self) -> Mapping[str, Any]:
        """The server's metadata."""
        found: Mapping[str, Any] = self.inner.get_server_metadata(**self._as_json())
        return found

    def model(self, name: str, version: str = "") -> Mapping[str, Any]:
        """A model's metadata; protobuf's JSON has 64-bit numbers as strings."""
        found = self.inner.get_model_metadata(name, version, **self._as_json())
        for tensor in (*found["inputs"], *found["outputs"]):
            tensor["shape"] = [int(size) for size in tensor["shape"]]
        described: Mapping[str, Any] = found
        return described

    def index(self) -> list[Mapping[str, Any]]:
        """The repository's index."""
        found = self.inner.get_model_repository_index(**self._as_json())
        return list(found if self.is_http else found["models"])

    def infer(self, model: str, inputs: list[Any], **options: Any) -> tuple[Any, Mapping[str, Any]]:
        """The result, and the answer's description."""
        result = self.inner.infer(model, inputs, **options)
        return result, result.get_response(**self._as_json())

    def close(self) -> None:
        """Close the connections."""
        self.inner.close()

    def _as_json(self) -> dict[str, bool]:
        return {} if self.is_http else {"as_json": True}


def status(problem: InferenceServerException) -> int:
    """The HTTP status of an error, or of its likeness."""
    told = problem.status()
    return int(told) if told.isdigit() else _STATUS[told.removeprefix("StatusCode.")]
