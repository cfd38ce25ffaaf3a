"""KServe V1 beside `:predict`: which models there are, and whether one is ready."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from werkzeug.exceptions import MethodNotAllowed

from service.plane import DataPlane

_PREDICT = ":predict"


def blueprint(plane: DataPlane) -> Blueprint:
    """The describing routes of V1."""
    routes = Blueprint("v1", __name__)

    @routes.get("/v1/models")
    def models() -> Response:
        return jsonify(models=[served.name for served in plane.catalogue])

    @routes.get("/v1/models/<model>")
    def one(model: str) -> Response:
        if model.endswith(_PREDICT):
            # The path of a prediction, asked with another method: this rule would take it for a model's name.
            raise MethodNotAllowed(["OPTIONS", "POST"])
        served = plane.catalogue.find(model)
        return jsonify(name=served.name, ready=plane.readiness.of(served).ready)

    return routes
