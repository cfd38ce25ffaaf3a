"""Open Inference Protocol V2 beside `infer`: server and model metadata, health, the repository's index."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from service.errors import from_status
from service.plane import DataPlane
from service.protocols import v2_metadata

# Triton has the figures of all models there.
NO_STATISTICS = (
    "V2's statistics are not spoken here; GET /models/<model>/stats has a model's live figures,"
    " GET /metrics the counters."
)


def blueprint(plane: DataPlane) -> Blueprint:
    """The describing routes of V2."""
    routes = Blueprint("v2", __name__)

    @routes.get("/v2")
    def server() -> Response:
        return jsonify(v2_metadata.SERVER)

    @routes.get("/v2/health/live")
    def live() -> Response:
        return Response(status=200)

    @routes.get("/v2/health/ready")
    def ready() -> Response:
        return _state(any(plane.readiness.ready().values()))

    @routes.get("/v2/models/<model>")
    @routes.get("/v2/models/<model>/versions/<version>")
    def metadata(model: str, version: str | None = None) -> Response:
        if version is None and model == "stats" and model not in plane.catalogue.line_ups:
            raise from_status(404, NO_STATISTICS)
        served = plane.catalogue.find(model, version)
        return jsonify(v2_metadata.model(served, plane.catalogue.of_model(model).versions))

    @routes.get("/v2/models/<model>/ready")
    @routes.get("/v2/models/<model>/versions/<version>/ready")
    def model_ready(model: str, version: str | None = None) -> Response:
        served = plane.catalogue.find(model, version)
        return _state(plane.readiness.of(served).ready)

    @routes.post("/v2/repository/index")
    def index() -> Response:
        only_ready = v2_metadata.wants_ready(request.get_data(cache=False))
        states = ((one, plane.readiness.of(one).ready) for one in plane.catalogue.versions)
        return jsonify(v2_metadata.index(states, only_ready))

    return routes


def _state(ready: bool) -> Response:
    """200 or 503; clients look at the status alone."""
    return Response(status=200) if ready else Response(status=503, headers={"Retry-After": "1"})
