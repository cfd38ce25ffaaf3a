"""What V2 tells of the server, of a model and of the repository: the same over REST and gRPC."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mulgam import __version__
from mulgam.signature import Tensor
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


def indexed(served: Served, ready: bool) -> dict[str, str]:
    """A model's line in the repository's index."""
    return {
        "name": served.name,
        "version": str(served.version),
        "state": "READY" if ready else "UNAVAILABLE",
        "reason": "" if ready else "the model does not give its golden answers at the moment",
    }


def _described(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
