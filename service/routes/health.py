"""`/livez`, `/readyz`, `/metrics` on the public port, where the settings allow it."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from service.bridge import Bridge
from service.metrics import rendering
from service.plane import DataPlane


def blueprint(plane: DataPlane, bridge: Bridge) -> Blueprint:
    """The health routes of one gateway process."""
    routes = Blueprint("health", __name__)

    @routes.get("/livez")
    def livez() -> Response:
        return jsonify(status="alive")

    @routes.get("/readyz")
    def readyz() -> Response:
        states = plane.readiness.ready()
        ready = any(states.values())
        response = jsonify(status="ready" if ready else "not ready", models=states)
        if not ready:
            response.status_code = 503
            response.headers["Retry-After"] = "1"
        return response

    @routes.get("/metrics")
    def scrape() -> Response:
        bridge.run(plane.flushed())
        text = rendering.render(plane.metrics.registry, plane.readiness.ready)
        return Response(text, content_type=rendering.CONTENT_TYPE)

    return routes
