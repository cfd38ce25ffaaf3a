"""What belongs to every request that Flask answers: id, limits, counters, log line, and the shape of errors."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from mulgam.errors import InputError
from service.bulk.kinds import bulk_kind
from service.calls import SAFE_HEADERS, Reply, request_id
from service.errors import ApiError, body_too_large, from_input_error, from_status
from service.keys import Keys
from service.metrics.families import NO_MODEL
from service.metrics.recording import Metrics
from service.respond import error_reply
from service.settings import Settings
from service.telemetry.refusals import refusals
from service.telemetry.trace import taken
from service.wsgi import RECEIVED

log = logging.getLogger(__name__)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "QUERY"})
# Asked every second: a "not ready" is the answer, not an event.
_PROBES = frozenset({"/livez", "/readyz", "/metrics"})


def install(app: Flask, settings: Settings, metrics: Metrics | None, keys: Keys | None = None) -> None:
    """Give the app ids, keys and counters (where there are any), limits, and the one shape of errors."""

    @app.before_request
    def begin() -> None:
        _identify()
        if keys is not None:
            keys.check(request.path, request.headers.get)
        # Werkzeug would take `post` for POST; a method is case-sensitive (RFC 9110, 9.1).
        if request.environ["REQUEST_METHOD"] not in _METHODS:
            raise from_status(501)
        is_bulk = bulk_kind(request.method, request.path, request.content_type)
        limit = settings.bulk_max_bytes if is_bulk else settings.max_body_bytes
        if (request.content_length or 0) > limit:
            raise body_too_large(limit)

    @app.after_request
    def finish(response: Response) -> Response:
        _identify()
        response.headers["X-Request-Id"] = g.request_id
        for name, value in SAFE_HEADERS:
            response.headers.setdefault(name, value)
        # `respond` has counted the predictions that it answered.
        if metrics is not None and not g.predicted:
            metrics.requests.labels(NO_MODEL, NO_MODEL, "http", str(response.status_code)).inc()
        return response

    @app.errorhandler(Exception)
    def failed(problem: Exception) -> Response:
        _identify()
        error = _as_api_error(problem, settings)
        if request.path not in _PROBES:
            trace = taken(request.headers.get)
            refusals.log(error, g.request_id, NO_MODEL, "http", time.perf_counter() - g.started, trace)
        return to_flask(error_reply(error, g.request_id))


def _identify() -> None:
    """What each answer needs of its request; a user's hook may have answered before ours was called."""
    if "request_id" not in g:
        g.started = request.environ.get(RECEIVED) or time.perf_counter()
        g.request_id = request_id(request.headers.get("X-Request-Id"))
        g.predicted = False


def to_flask(reply: Reply) -> Response:
    """An answer as Flask's response."""
    response = Response(reply.body, status=reply.status)
    del response.headers["Content-Type"]
    response.headers.extend(reply.headers)
    return response


def _as_api_error(problem: Exception, settings: Settings) -> ApiError:
    """Whatever was raised, as an answer that shows nothing of the inside."""
    if isinstance(problem, ApiError):
        return problem
    if isinstance(problem, InputError):
        return from_input_error(problem)
    if isinstance(problem, RequestEntityTooLarge):
        return body_too_large(settings.max_body_bytes)
    if isinstance(problem, MethodNotAllowed):
        allowed = ", ".join(sorted(problem.valid_methods or ()))
        error = from_status(405, f"This path does not take {request.method}; it takes {allowed}.")
        error.headers["Allow"] = allowed
        return error
    if isinstance(problem, HTTPException) and problem.code is not None and problem.code >= 400:
        return from_status(problem.code)
    log.error("request failed", exc_info=problem, extra={"request_id": g.request_id})
    return from_status(500)
