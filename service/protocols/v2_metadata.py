"""What V2 tells of the server, of a model and of the repository: the same over REST and gRPC."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mulgam import __version__
from mulgam.errors import InputError
from mulgam.signature import Tensor
from mulgam.wording import kind
from service.protocols import wire
from service.versions.served import Served

LABEL = "label"
SERVER: dict[str, Any] = {
    "name": "mulgam",
    "version": __version__,
    "extensions": ["binary_tensor_data", "model_repository"],
}
# Names of the specification's list of platforms.
_PLATFORMS = {"onnx": "onnx_onnxv1", "torchscript": "pytorch_torchscript"}


def model(served: Served, versions: Iterable[int]) -> dict[str, Any]:
    """The metadata of one of a model's versions, beside which the others are named."""
    return {
        "name": served.name,
        "versions": [str(version) for version in sorted(versions)],
        "platform": _PLATFORMS[served.runtime],
        "inputs": [_described(one) for one in served.signature.inputs],
        "outputs": output_tensors(served),
    }


def output_tensors(served: Served) -> list[dict[str, Any]]:
    """The outputs: the graph's own, and `label` for a classifier."""
    described = [_described(one) for one in served.signature.outputs]
    if served.signature.target.classes:
        described.append({"name": LABEL, "datatype": "BYTES", "shape": [-1]})
    return described


def index(states: Iterable[tuple[Served, bool]], only_ready: bool) -> list[dict[str, str]]:
    """The repository's index.

    Args:
        states: each version, and whether it is ready.
        only_ready: leave the others out.
    """
    return [_indexed(served, ready) for served, ready in states if ready or not only_ready]


def wants_ready(body: bytes) -> bool:
    """Whether a body asks the index for nothing but what is ready; an empty one does not.

    Raises:
        InputError: it is no JSON object, or its `ready` neither true nor false.
    """
    if not body:
        return False
    document = wire.loads(body)
    if not isinstance(document, dict):
        raise InputError("NOT_AN_OBJECT", f"The body must be an object or empty, not {kind(document)}.")
    ready = document.get("ready", False)
    if not isinstance(ready, bool):
        raise InputError("BAD_PARAMETER", "ready must be true or false.", "ready")
    return ready


def _indexed(served: Served, ready: bool) -> dict[str, str]:
    return {
        "name": served.name,
        "version": str(served.version),
        "state": "READY" if ready else "UNAVAILABLE",
        "reason": "" if ready else "the model does not give its golden answers at the moment",
    }


def _described(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
