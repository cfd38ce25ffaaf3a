"""The prediction routes: Flask's side of `respond_in_thread`, one rule for each path of `protocols/paths.py`."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, g, request

from service.bridge import Bridge
from service.bulk.kinds import bulk_kind
from service.bulk.stream import BLOCK, BulkDesk
from service.caller import Caller
from service.calls import Call
from service.errors import ApiError
from service.plane import DataPlane
from service.protocols.base import PredictionProtocol, check_charset
from service.protocols.paths import PATHS
from service.requests import to_flask
from service.respond import error_reply, respond_in_thread
from service.versions.served import Served
from service.versions.split import key_of
from service.wsgi import CALLER, IS_WAITING


def blueprint(plane: DataPlane, bridge: Bridge) -> Blueprint:
    """The prediction routes."""
    routes = Blueprint("predict", __name__)
    desk = BulkDesk(plane, bridge)

    def answer(protocol: PredictionProtocol, model: str, version: str | None = None) -> Response:
        served = plane.find(model, version, key_of(request.headers.get, g.request_id))
        kind = bulk_kind(request.method, request.path, request.content_type)
        if kind is not None:
            return in_bulk(kind, served)
        body = request.get_data(cache=False)
        header = request.headers.get
        call = Call(header, request.query_string.decode("latin-1"), body, g.request_id, g.started)
        g.predicted = True
        caller = request.environ.get(CALLER) or Caller()
        return to_flask(respond_in_thread(plane, bridge, protocol, served, call, caller))

    def in_bulk(kind: str, served: Served) -> Response:
        blocks = iter(partial(request.stream.read, BLOCK), b"")
        is_waiting = request.environ.get(IS_WAITING, lambda: False)
        encoding = request.headers.get("content-encoding")
        query = request.query_string.decode("latin-1")
        trace = plane.tracing.begin(request.headers.get)
        g.predicted = True
        try:
            check_charset(request.content_type or "")
            bulk = desk.answer(kind, served, query, blocks, encoding, g.request_id, trace, is_waiting)
        except ApiError as error:
            return to_flask(error_reply(error, g.request_id))
        response = Response(bulk, headers=bulk.headers)
        response.headers["Content-Type"] = bulk.content_type
        return response

    for template, protocol in PATHS:
        routes.add_url_rule(template, template, answer, methods=["POST"], defaults={"protocol": protocol})
    return routes
