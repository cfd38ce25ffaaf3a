"""What belongs to every request whatever its path: id, time, log line, counters, and the shape of errors."""

from __future__ import annotations

import logging
import re
import secrets
import time

import orjson
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from mulgam.errors import InputError
from service.errors import ApiError, body_too_large, from_input_error, from_status
from service.metrics import NO_MODEL, Metrics
from service.settings import Settings
from service.wsgi import RECEIVED

log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_PROBES = frozenset({"/livez", "/readyz", "/metrics"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"})


def request_id(given: str | None) -> str:
    """The caller's id where it is a short plain word, else a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def install(app: Flask, settings: Settings, metrics: Metrics | None) -> None:
    """Give the app ids, limits, counters (where there are metrics) and the one shape of errors."""

    @app.before_request
    def begin() -> None:
        g.started = request.environ.get(RECEIVED) or time.perf_counter()
        g.request_id = request_id(request.headers.get("X-Request-Id"))
        g.model, g.version, g.protocol = NO_MODEL, NO_MODEL, "http"
        # Werkzeug would take `post` for POST; a method is case-sensitive (RFC 9110, 9.1).
        if request.environ["REQUEST_METHOD"] not in _METHODS:
            raise from_status(501)
        if (request.content_length or 0) > settings.max_body_bytes:
            raise body_too_large(settings.max_body_bytes)

    @app.after_request
    def finish(response: Response) -> Response:
        seconds = time.perf_counter() - g.started
        response.headers["X-Request-Id"] = g.request_id
        if metrics is not None:
            metrics.requests.labels(g.model, g.version, g.protocol, str(response.status_code)).inc()
        if metrics is not None and g.model != NO_MODEL:
            metrics.request_seconds.labels(g.model, g.version, g.protocol).observe(seconds)
        _log_request(response, seconds)
        return response

    @app.errorhandler(Exception)
    def failed(problem: Exception) -> Response:
        return _answered(_as_api_error(problem, settings))


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


def _answered(error: ApiError) -> Response:
    response = Response(status=error.status, mimetype="application/json")
    response.set_data(orjson.dumps(error.document(g.request_id)))
    response.headers.update(error.headers)
    g.code, g.sentence = error.code, str(error)
    return response


def _log_request(response: Response, seconds: float) -> None:
    """Server faults are warnings, refusals information; successes and probes (asked every second) detail."""
    status = response.status_code
    level = logging.DEBUG if status < 400 else logging.INFO if status < 500 or status == 501 else logging.WARNING
    if request.path in _PROBES:
        level = logging.DEBUG
    if not log.isEnabledFor(level):
        return
    fields = {
        "request_id": g.request_id,
        "method": request.method[:16],
        "route": str(request.url_rule or "unmatched"),
        "status": status,
        "seconds": round(seconds, 6),
        "model": g.model,
        "code": g.get("code"),
    }
    log.log(level, "request", extra={key: value for key, value in fields.items() if value is not None})
