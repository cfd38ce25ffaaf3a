"""`GET /models` and what lies below it: what is served, its live figures, its report."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from mulgam import __version__
from service.bridge import Bridge
from service.calls import Reply
from service.compression import compressed
from service.describing import state, summary, typical
from service.plane import DataPlane
from service.protocols.base import JSON
from service.protocols.wire import dumps
from service.requests import to_flask
from service.stats import Stats

# A report is a page of its own style and drawings, and nothing in it may run, or reach anything.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'; sandbox"
)
# What a page may link to, where it is served here.
LINKED = {"docs": "/docs", "openapi": "/openapi.json", "metrics": "/metrics"}


def blueprint(plane: DataPlane, bridge: Bridge) -> Blueprint:
    """The routes that describe the models."""
    routes = Blueprint("models", __name__)
    stats = Stats(plane, bridge)

    @routes.get("/models")
    def models() -> Response:
        served_here = {rule.rule for rule in current_app.url_map.iter_rules()}
        return _json({
            "version": __version__,
            "backend": plane.settings.backend,
            "links": {name: path for name, path in LINKED.items() if path in served_here},
            "models": [summary(plane, served) for served in plane.catalogue],
        })  # fmt: skip

    @routes.get("/models/<model>")
    def one(model: str) -> Response:
        served = plane.catalogue.find(model)
        signature = json.loads(served.signature.dumps())
        return _json(
            {**summary(plane, served), "signature": signature, "metrics": served.scores, "typical": typical(served)}
        )

    @routes.get("/models/<model>/stats")
    def figures(model: str) -> Response:
        served = plane.catalogue.find(model)
        return jsonify(model=served.name, version=served.version, state=state(plane, served), **stats.of(served))

    @routes.get("/models/<model>/report")
    def report(model: str) -> Response:
        served = plane.catalogue.find(model)
        body = served.entry.read("report.html")
        headers = [
            ("content-type", "text/html; charset=utf-8"),
            ("content-security-policy", REPORT_POLICY),
            ("referrer-policy", "no-referrer"),
            ("x-model-digest", served.digest),
        ]
        return _sent(Reply(200, headers, body))

    return routes


def index(plane: DataPlane) -> Blueprint:
    """`GET /` where there is no page: where to go from here."""
    routes = Blueprint("index", __name__)

    @routes.get("/")
    def root() -> Response:
        paths = {served.name: f"/predict/{served.name}" for served in plane.catalogue}
        return jsonify(service="mulgam", version=__version__, models="/models", predict=paths)

    return routes


def _json(document: dict[str, Any]) -> Response:
    return _sent(Reply(200, [("content-type", JSON)], dumps(document)))


def _sent(reply: Reply) -> Response:
    """The answer, in gzip where the caller takes it."""
    return to_flask(compressed(reply, request.headers.get("Accept-Encoding")))
