"""Open Inference Protocol V2 beside `infer`: server and model metadata, health, the repository's index."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from mulgam import __version__
from service.plane import DataPlane
from service.protocols.v2 import described_tensor, output_tensors
from service.served import Served

# Names of the specification's list of platforms.
_PLATFORMS = {"onnx": "onnx_onnxv1", "torchscript": "pytorch_torchscript"}


def blueprint(plane: DataPlane) -> Blueprint:
    """The describing routes of V2."""
    routes = Blueprint("v2", __name__)

    @routes.get("/v2")
    def server() -> Response:
        return jsonify(name="mulgam", version=__version__, extensions=["binary_tensor_data", "model_repository"])

    @routes.get("/v2/health/live")
    def live() -> Response:
        return Response(status=200)

    @routes.get("/v2/health/ready")
    def ready() -> Response:
        return _state(any(plane.readiness.ready().values()))

    @routes.get("/v2/models/<model>")
    @routes.get("/v2/models/<model>/versions/<version>")
    def metadata(model: str, version: str | None = None) -> Response:
        return jsonify(_metadata(plane.catalogue.find(model, version)))

    @routes.get("/v2/models/<model>/ready")
    @routes.get("/v2/models/<model>/versions/<version>/ready")
    def model_ready(model: str, version: str | None = None) -> Response:
        served = plane.catalogue.find(model, version)
        return _state(plane.readiness.states[served.name].ready)

    @routes.post("/v2/repository/index")
    def index() -> Response:
        return jsonify([_indexed(plane, served) for served in plane.catalogue])

    return routes


def _state(ready: bool) -> Response:
    """200 or 503; clients look at the status alone."""
    return Response(status=200) if ready else Response(status=503, headers={"Retry-After": "1"})


def _metadata(served: Served) -> dict[str, object]:
    return {
        "name": served.name,
        "versions": [str(served.version)],
        "platform": _PLATFORMS[served.runtime],
        "inputs": [described_tensor(one) for one in served.signature.inputs],
        "outputs": output_tensors(served),
    }


def _indexed(plane: DataPlane, served: Served) -> dict[str, str]:
    ready = plane.readiness.states[served.name].ready
    return {
        "name": served.name,
        "version": str(served.version),
        "state": "READY" if ready else "UNAVAILABLE",
        "reason": "" if ready else "the model does not give its golden answers at the moment",
    }
