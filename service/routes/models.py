"""`GET /models` and `GET /models/<model>`: what is served; `GET /`: where to go from here."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, jsonify

from mulgam import __version__
from service.plane import DataPlane
from service.served import Served


def blueprint(plane: DataPlane) -> Blueprint:
    """The routes that describe the models."""
    routes = Blueprint("models", __name__)

    @routes.get("/")
    def index() -> Response:
        paths = {served.name: f"/predict/{served.name}" for served in plane.catalogue}
        return jsonify(service="mulgam", version=__version__, models="/models", predict=paths)

    @routes.get("/models")
    def models() -> Response:
        return jsonify(models=[_summary(plane, served) for served in plane.catalogue])

    @routes.get("/models/<model>")
    def one(model: str) -> Response:
        served = plane.catalogue.find(model)
        return jsonify(**_summary(plane, served), signature=json.loads(served.signature.dumps()), metrics=served.scores)

    return routes


def _summary(plane: DataPlane, served: Served) -> dict[str, Any]:
    """One model in a line: the public sees whether it is ready, not why not."""
    signature = served.signature
    return {
        "name": served.name,
        "version": served.version,
        "task": signature.task,
        "description": signature.description,
        "synthetic": signature.synthetic,
        "digest": served.digest,
        "runtime": served.runtime,
        "ready": plane.readiness.of(served).ready,
    }
