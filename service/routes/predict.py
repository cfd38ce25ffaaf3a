"""The prediction routes: Flask's side of `respond_in_thread`, one rule for each path of `protocols/paths.py`."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from service.bridge import Bridge
from service.calls import Call
from service.plane import DataPlane
from service.protocols.base import PredictionProtocol
from service.protocols.paths import PATHS
from service.requests import to_flask
from service.respond import respond_in_thread


def blueprint(plane: DataPlane, bridge: Bridge) -> Blueprint:
    """The prediction routes."""
    routes = Blueprint("predict", __name__)

    def answer(protocol: PredictionProtocol, model: str, version: str | None = None) -> Response:
        served = plane.catalogue.find(model, version)
        body = request.get_data(cache=False)
        header = request.headers.get
        call = Call(header, request.query_string.decode("latin-1"), body, g.request_id, g.started)
        g.predicted = True
        return to_flask(respond_in_thread(plane, bridge, protocol, served, call))

    for template, protocol in PATHS:
        routes.add_url_rule(template, template, answer, methods=["POST"], defaults={"protocol": protocol})
    return routes
