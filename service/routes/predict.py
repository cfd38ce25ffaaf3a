"""`POST /predict/<model>[/versions/<version>]`: the gateway's own JSON."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from mulgam.errors import InputError
from service import wire
from service.bridge import Bridge
from service.errors import ApiError
from service.plane import DataPlane

JSON = "application/json"


def blueprint(plane: DataPlane, bridge: Bridge) -> Blueprint:
    """The prediction routes."""
    routes = Blueprint("predict", __name__)

    @routes.post("/predict/<model>")
    @routes.post("/predict/<model>/versions/<version>")
    def predict(model: str, version: str | None = None) -> Response:
        served = plane.catalogue.find(model, version)
        g.model, g.version, g.protocol = served.name, str(served.version), "json"
        _check_media_type()
        every = _wants_probabilities()
        body = request.get_data(cache=False)
        try:
            output = bridge.run(plane.predict(served, wire.instances(body)))
        except InputError:
            wire.explain_depth(body)
            raise
        response = Response(wire.answer(served.signature, served.version, output, every), mimetype=JSON)
        response.headers["X-Model-Digest"] = served.digest
        return response

    return routes


def _check_media_type() -> None:
    """415 for anything but JSON; an absent Content-Type is taken for JSON."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ApiError(
            415, "UNSUPPORTED_ENCODING", "The body must not be compressed.", headers={"Accept-Encoding": "identity"}
        )
    kind = request.headers.get("Content-Type")
    if kind is None or request.mimetype == JSON:
        return
    raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", f"The body must be JSON; send Content-Type: {JSON}.")


def _wants_probabilities() -> bool:
    """`?probabilities=all`; other query parameters are ignored."""
    wanted = request.args.get("probabilities")
    if wanted not in (None, "all"):
        raise ApiError(400, "BAD_PARAMETER", "probabilities must be 'all' or absent.", "probabilities")
    return wanted == "all"
